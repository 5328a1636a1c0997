// A column may have any name; `rawJSON` is how this program marks numbers to itself, and must not be mistaken for one.
import { expect } from 'chai';
import { allowJob } from '../../agent/job/allow-job.ts';
import { renderRow } from '../../agent/job/render.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { aConnection } from '../support/job-fixture.ts';

const connection = { ...aConnection, label: 'prod', limits: { ...aConnection.limits, inFlight: 1 } };

describe('a row with a column named rawJSON', () => {
  it('is a row like any other', () => {
    const request = {
      connection: 'prod',
      action: 'list_access_keys',
      inputs: { Username: '{{ rawJSON }}' },
      options: {},
    };
    const plan = allowJob(request, new Map([['prod', connection]]));
    if (isRefusal(plan)) throw new Error(plan.detail);
    const call = renderRow(plan, '{"rawJSON":"alice"}');
    expect(isRefusal(call) ? call.detail : call.input).to.deep.equal({ UserName: 'alice' });
  });
});
