// The one HTTP request of pairing. It goes the same way as the link (CA, proxy, verification), and nothing in its answer is trusted here.
import { type ErrorCode, errorCodes, type Refusal, refuse } from '../../protocol/error-codes.ts';
import { type PairAnswer, pairAnswerSchema, type PairRequest } from '../../protocol/pairing.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import { z } from 'zod';
import { openRoute, type Outbound } from './outbound.ts';

// Not imported, for the reason that outbound.ts gives.
const { request: httpRequest } = process.getBuiltinModule('node:http');
const { request: httpsRequest } = process.getBuiltinModule('node:https');

const timeoutMs = 20_000;
const maxAnswerBytes = 256 * 1024;

const errorSchema = z.object({ error: z.object({ code: z.string(), detail: z.string() }) });

/** Refusals: what the control plane said, or pairing_unreachable. */
export async function askToPair(url: string, body: PairRequest, outbound: Outbound): Promise<PairAnswer | Refusal> {
  const address = new URL('agent/v1/pair', url.endsWith('/') ? url : `${url}/`);
  try {
    const { status, text } = await post(address, JSON.stringify(body), outbound);
    const json = parse(text);
    const answer = safeParse(pairAnswerSchema, json).data;
    if (status === 200 && answer !== undefined) return answer;
    const told = safeParse(errorSchema, json).data?.error;
    if (told !== undefined && Object.hasOwn(errorCodes, told.code)) {
      return refuse(told.code as ErrorCode, told.detail.slice(0, 500));
    }
    return refuse(
      'pairing_unreachable',
      `expected a pairing answer, found status ${status}; is ${url} the control plane?`,
    );
  } catch (error) {
    return refuse(
      'pairing_unreachable',
      `${address.origin} could not be reached (${reasonOf(error)}); check address, proxy and CA`,
    );
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof TooLarge) return error.message;
  if (error instanceof Error && error.name === 'AbortError') return 'no answer in time';
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

class TooLarge extends Error {
  override readonly message = 'the answer is too large to be one';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

async function post(address: URL, body: string, outbound: Outbound): Promise<{ status: number; text: string }> {
  const route = await openRoute(outbound);
  const plain = address.protocol === 'http:';
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const signal = AbortSignal.timeout(timeoutMs);
  const agent = route.agentFor(!plain, true);
  return new Promise((resolve, reject) => {
    const request = (plain ? httpRequest : httpsRequest)(
      address,
      { method: 'POST', headers, agent, signal, ...route.tls },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > maxAnswerBytes) request.destroy(new TooLarge());
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
