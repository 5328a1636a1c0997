// Asks botocore, an implementation that shares nothing with the agent, where a call goes and how it is signed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { pythonPath } from './python.ts';

export interface SignQuestion {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly key: string;
  readonly secret: string;
  readonly token?: string;
  readonly region: string;
  readonly service: string;
  /** Seconds since 1970. */
  readonly at: number;
}

export interface AddressQuestion {
  readonly service: 'iam' | 'sts';
  readonly region: string;
  readonly fips: boolean;
  readonly dual: boolean;
}

interface Questions {
  sign: { readonly ask: readonly SignQuestion[]; readonly answer: readonly string[] };
  addresses: {
    readonly ask: readonly AddressQuestion[];
    readonly answer: readonly ({ readonly url: string; readonly region: string; readonly service: string } | null)[];
  };
  regions: {
    readonly ask: true;
    readonly answer: readonly { readonly partition: string; readonly regions: readonly string[] }[];
  };
}

export async function askBotocore<Q extends keyof Questions>(
  question: Q,
  ask: Questions[Q]['ask'],
): Promise<Questions[Q]['answer']> {
  const script = fileURLToPath(new URL('botocore-oracle.py', import.meta.url));
  const env = { PATH: process.env['PATH'], AWS_CONFIG_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' };
  const child = spawn(pythonPath(), [script], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ [question]: ask }));
  const ended = once(child, 'close');
  const printed = await text(child.stdout);
  const [code] = (await ended) as [number];
  if (code !== 0) throw new Error(`botocore's oracle ended with ${code}`);
  return JSON.parse(printed) as Questions[Q]['answer'];
}
