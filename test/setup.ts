// Root hooks for every suite: mocha lets an unhandled rejection in user code pass with exit 0, so it is rethrown here.
import { restore } from 'sinon';

process.on('unhandledRejection', (reason) => {
  throw reason;
});

export const mochaHooks = {
  afterEach(): void {
    restore();
  },
};
