// The limiter against a hidden token bucket is a bench of its own (bench/throttled.ts); its keys are taken over.
import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Found, Key } from './figures.ts';
import { result } from './process-figures.ts';

const program = fileURLToPath(new URL('../throttled.ts', import.meta.url));
const keys = ['throttled_vs_bucket', 'throttled_refused_share', 'throttled_failed_rows'] as const satisfies Key[];

export async function measureThrottled(): Promise<Found> {
  if (!existsSync(program)) return { figures: {}, notes: ['bench/throttled.ts is not there'] };
  const printed = await result<Record<string, unknown>>(process.execPath, [program, '--json']);
  const figures = keys.map((key) => [key, typeof printed[key] === 'number' ? printed[key] : null]);
  return { figures: Object.fromEntries(figures) as Found['figures'] };
}
