// docs/schemas/*.json from the schemas that the code validates with. `node scripts/protocol-schemas.ts` writes them, `--check` fails when one differs.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { argv, exit, stderr } from 'node:process';
import { z } from 'zod';
import { finishedClaimsSchema } from '../protocol/finished-statement.ts';
import { framesToAgent } from '../protocol/frames-to-agent.ts';
import { framesToControlPlane } from '../protocol/frames-to-control-plane.ts';
import { jobClaimsSchema } from '../protocol/job-claims.ts';
import { keySetSchema } from '../protocol/key-set.ts';
import { pairAnswerSchema, pairRequestSchema } from '../protocol/pairing.ts';
import { entrySchema } from '../protocol/result-envelope.ts';

const folder = new URL('../docs/schemas/', import.meta.url);

const sources: Readonly<Record<string, z.ZodType>> = {
  ...prefixed('frame-to-agent', framesToAgent),
  ...prefixed('frame-to-control-plane', framesToControlPlane),
  entry: entrySchema,
  'job-claims': jobClaimsSchema,
  'key-set-claims': keySetSchema,
  'finished-claims': finishedClaimsSchema,
  'pair-request': pairRequestSchema,
  'pair-answer': pairAnswerSchema,
};

function prefixed(prefix: string, frames: Readonly<Record<string, z.ZodType>>): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(frames).map(([type, schema]) => [`${prefix}.${type}`, schema]));
}

/** File name to content. The input side of each schema: frames may carry more fields than are listed, signed objects may not. */
function protocolSchemas(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(sources).map(([name, schema]) => [
      `${name}.json`,
      `${JSON.stringify({ title: name, ...z.toJSONSchema(schema, { io: 'input' }) }, null, 2)}\n`,
    ]),
  );
}

/** The files that are missing, differ or should not be there. */
export function outdatedSchemas(): string[] {
  const wanted = protocolSchemas();
  const present = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const names = new Set([...wanted.keys(), ...present]);
  return [...names].filter(
    (name) => !present.includes(name) || readFileSync(new URL(name, folder), 'utf8') !== wanted.get(name),
  );
}

if (import.meta.main) {
  if (argv.includes('--check')) {
    const outdated = outdatedSchemas();
    if (outdated.length > 0) {
      stderr.write(
        `docs/schemas differs from protocol/ (${outdated.join(', ')}): run node scripts/protocol-schemas.ts\n`,
      );
      exit(1);
    }
  } else {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of protocolSchemas()) writeFileSync(new URL(name, folder), text);
  }
}
