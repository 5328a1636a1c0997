#!/usr/bin/env node
// The command iam-agent: hands over to agent/main.ts on the pinned Node.
import { launch } from './launch.mjs';

// Nothing that the agent reads can become code.
const flags = ['--disallow-code-generation-from-strings'];

await launch({ script: import.meta.url, main: 'agent/main.ts', flags });
