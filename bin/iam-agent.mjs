#!/usr/bin/env node
// The command iam-agent: hands over to agent/main.ts on the pinned Node.
import { launch } from './launch.mjs';

// Nothing that the agent reads can become code; and it gives memory back when its work is over (agent/spare-memory.ts).
const flags = ['--disallow-code-generation-from-strings', '--expose-gc'];

await launch({ script: import.meta.url, main: 'agent/main.ts', flags });
