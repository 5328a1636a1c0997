// Finds the Python that has Jinja2, boto3 and moto: the one named by IAM_AGENT_PYTHON, the checkout's own, or python3.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function pythonPath(): string {
  const own = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
  return process.env.IAM_AGENT_PYTHON ?? (existsSync(own) ? own : 'python3');
}
