#!/usr/bin/env node
// The command iam-control-plane: hands over to control-plane/main.ts on the pinned Node.
import { launch } from './launch.mjs';

// The HTTP router compiles its routes with `new Function`, so code from strings cannot be switched off here as it is for the agent.
// Memory is given back when a rush of dials is over (control-plane/after-rush.ts).
await launch({ script: import.meta.url, main: 'control-plane/main.ts', flags: ['--expose-gc'] });
