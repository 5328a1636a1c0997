// What each request to the local socket gets. Loaded with the first of them: a daemon that nobody asks holds none of it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuse } from '../../protocol/error-codes.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import { localLimits } from '../local/local-limits.ts';
import { type RunId, runIdSchema } from '../local/run-log.ts';
import { runView } from '../local/status.ts';
import { localPaths, localWire, versionHeader, wireHeader } from '../local/wire.ts';
import { type LocalService, sayJson, sayNo } from './local-answer.ts';
import { serveRun } from './local-exec.ts';

const entryPage = { maxCount: 500, maxBytes: 1024 * 1024 };

export async function route(request: IncomingMessage, response: ServerResponse, service: LocalService): Promise<void> {
  response.setHeader(wireHeader, String(localWire));
  response.setHeader(versionHeader, service.version);
  response.setHeader('connection', 'close');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://local');
  const wire = /^\/(\d{1,9})\//.exec(pathname)?.[1];
  if (wire !== undefined && Number(wire) !== localWire) {
    const said = `expected version ${localWire} of the local socket (agent ${service.version}), found ${wire}`;
    sayNo(
      response,
      404,
      refuse('local_version', `${said}; use the command of the running version, or restart the agent`),
    );
    return;
  }
  const [, run, cancel] = /^\/runs\/([^/]+)(\/cancel)?$/.exec(pathname.slice(`/${localWire}`.length)) ?? [];
  const method = request.method ?? '';
  if (pathname === localPaths.status) await only('GET', async () => sayJson(response, await service.status()));
  else if (pathname === localPaths.runs && method === 'POST') await serveRun(request, response, service);
  else if (pathname === localPaths.runs) await only('GET', async () => listRuns(response, searchParams, service));
  else if (run !== undefined && cancel !== undefined) await only('POST', async () => cancelRun(response, run, service));
  else if (run !== undefined) await only('GET', async () => showRun(response, run, service));
  else sayNo(response, 404, refuse('not_found', `there is no ${pathname.slice(0, 100)}`));

  async function only(wanted: string, work: () => Promise<void>): Promise<void> {
    if (method === wanted) await work();
    else sayNo(response, 405, refuse('request_invalid', `expected ${wanted}, found ${method}`));
  }
}

async function listRuns(response: ServerResponse, query: URLSearchParams, { log }: LocalService): Promise<void> {
  const asked = Number(query.get('limit') ?? 20);
  if (!Number.isSafeInteger(asked) || asked < 1 || asked > localLimits.listedRuns) {
    sayNo(response, 400, refuse('request_invalid', `expected a limit from 1 to ${localLimits.listedRuns}`));
    return;
  }
  sayJson(response, { runs: (await log.recentRuns(asked)).map(runView) });
}

async function cancelRun(response: ServerResponse, id: string, { runs }: LocalService): Promise<void> {
  const known = safeParse(runIdSchema, id).data;
  if (known !== undefined && runs.cancel(known)) sayJson(response, { cancelled: known });
  else sayNo(response, 404, refuse('not_found', 'no such run is under way'));
}

/** The run as the first line, then its kept entries. */
async function showRun(response: ServerResponse, text: string, { log }: LocalService): Promise<void> {
  const id: RunId | undefined = safeParse(runIdSchema, text).data;
  const found = id === undefined ? null : await log.run(id);
  if (found === null) {
    sayNo(response, 404, refuse('not_found', `this host remembers no run ${text.slice(0, 100)}`));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const gone = new Promise<void>((resolve) => response.once('close', resolve));
  let room = response.write(`${JSON.stringify(runView(found))}\n`);
  for (let from = 1; !response.destroyed;) {
    const lines = await log.runEntries(found.id, from, entryPage);
    if (lines.length === 0) break;
    from += lines.length;
    if (!room) await Promise.race([new Promise((resolve) => response.once('drain', resolve)), gone]);
    room = response.write(`${lines.join('\n')}\n`);
  }
  response.end();
}
