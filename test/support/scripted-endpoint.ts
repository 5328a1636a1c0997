// An AWS endpoint that answers what a test says: canned answers, broken connections, silence; or a relay to another endpoint whose answers it
// records, so that two clients can be given the same bytes. Plain node:http; it knows the Query protocol only as far as to name the operation.
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** Name and value by turns; a name may come twice. */
  readonly headers: readonly string[];
  readonly body: string | Uint8Array;
  readonly reason?: string;
  /** Announces more than it sends, then breaks off. */
  readonly cutShort?: boolean;
  readonly afterMs?: number;
}

export type Step =
  | Answer
  /** The connection is reset after the request was read; nobody can know whether it was carried out. */
  | { readonly kind: 'reset' }
  /** No answer until the client goes. */
  | { readonly kind: 'hang' };

/** Asked for every request; null: it is answered. */
type Cut = (request: SeenRequest) => 'before' | 'after' | null;

interface SeenRequest {
  readonly operation: string;
  readonly params: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

export type Script = readonly Step[] | ((request: SeenRequest, index: number) => Step | undefined);

export interface ScriptedEndpoint {
  readonly url: string;
  /** Every request since the last script. */
  readonly requests: readonly SeenRequest[];
  /** The client's port of each request: the same one means the same connection. */
  readonly ports: readonly (number | undefined)[];
  /** Answers from now on; a request beyond the list gets status 500 with a code of its own. */
  play(script: Script): void;
  /** Passes requests on and keeps the answers; `recorded` gives them. `cut` breaks the connection before or after the target has acted. */
  relay(target: string, cut?: Cut): void;
  readonly recorded: readonly Step[];
  stop(): Promise<void>;
}

const namespace = 'https://iam.amazonaws.com/doc/2010-05-08/';
let requestIds = 0;

export function xmlAnswer(operation: string, result: string | null, options: Partial<Answer> = {}): Answer {
  requestIds += 1;
  const id = `00000000-0000-4000-8000-${String(requestIds).padStart(12, '0')}`;
  const wrapped = result === null ? '' : `<${operation}Result>${result}</${operation}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata>`;
  const body = `<${operation}Response xmlns="${namespace}">${wrapped}${metadata}</${operation}Response>`;
  return rawAnswer(200, body, options);
}

export function errorAnswer(status: number, code: string, message: string, options: Partial<Answer> = {}): Answer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return rawAnswer(
    status,
    `<ErrorResponse xmlns="${namespace}">${error}<RequestId>err-1</RequestId></ErrorResponse>`,
    options,
  );
}

export function rawAnswer(status: number, body: string | Uint8Array, options: Partial<Answer> = {}): Answer {
  const headers = [
    'x-amzn-RequestId',
    'from-the-header',
    'Content-Type',
    'text/xml',
    'Date',
    'Wed, 09 Jun 2021 14:16:51 GMT',
  ];
  return { kind: 'answer', status, headers, body, ...options };
}

function send(response: ServerResponse, answer: Answer): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : Buffer.from(answer.body);
  response.sendDate = false;
  const length = ['Content-Length', String(body.length + (answer.cutShort === true ? 10 : 0))];
  const headers = [...answer.headers, ...length];
  if (answer.reason === undefined) response.writeHead(answer.status, headers);
  else response.writeHead(answer.status, answer.reason, headers);
  if (answer.cutShort === true) response.write(body, () => response.socket?.destroy());
  else response.end(body);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function forward(target: string, request: IncomingMessage, body: Buffer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { ...request.headers, connection: 'close' };
  httpRequest(target, { method: 'POST', headers, agent: false }, resolve).on('error', reject).end(body);
  const response = await promise;
  const kept: string[] = [];
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const name = response.rawHeaders[index] ?? '';
    const own = ['content-length', 'connection', 'transfer-encoding'].includes(name.toLowerCase());
    if (!own) kept.push(name, response.rawHeaders[index + 1] ?? '');
  }
  return { kind: 'answer', status: response.statusCode ?? 0, headers: kept, body: await readBody(response) };
}

export async function startScriptedEndpoint(): Promise<ScriptedEndpoint> {
  let script: Script = [];
  let target: string | null = null;
  let cut: Cut = () => null;
  const requests: SeenRequest[] = [];
  const recorded: Step[] = [];
  const ports: (number | undefined)[] = [];
  const nextStep = async (seen: SeenRequest, request: IncomingMessage, body: Buffer): Promise<Step> => {
    const index = requests.length - 1;
    if (target !== null) {
      const when = cut(seen);
      if (when === 'before') return { kind: 'reset' };
      const answer = await forward(target, request, body);
      recorded.push(answer);
      return when === 'after' ? { kind: 'reset' } : answer;
    }
    const step = typeof script === 'function' ? script(seen, index) : script[index];
    return step ?? errorAnswer(500, 'BeyondTheScript', `request ${index + 1} was not expected: ${seen.operation}`);
  };
  const server = createServer((request, response) => {
    void (async () => {
      const body = await readBody(request);
      const params = new URLSearchParams(body.toString());
      const seen = { operation: params.get('Action') ?? '', params, headers: request.headers };
      requests.push(seen);
      ports.push(request.socket.remotePort);
      const step = await nextStep(seen, request, body);
      if (step.kind === 'reset') request.socket.resetAndDestroy();
      else if (step.kind === 'answer') {
        if (step.afterMs !== undefined) await new Promise((resolve) => setTimeout(resolve, step.afterMs));
        send(response, step);
      }
    })().catch(() => response.destroy());
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  const { port } = server.address() as AddressInfo;
  const reset = (): void => {
    requests.length = 0;
    ports.length = 0;
    target = null;
    script = [];
  };
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    ports,
    recorded,
    play: (next) => {
      reset();
      script = next;
    },
    relay: (to, toCut = () => null) => {
      reset();
      recorded.length = 0;
      target = to;
      cut = toCut;
    },
    stop: async () => {
      const { promise, resolve: closed } = Promise.withResolvers<void>();
      server.close(() => closed());
      server.closeAllConnections();
      await promise;
    },
  };
}
