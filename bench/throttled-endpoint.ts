// The endpoint of throttled.ts, in a process of its own: an IAM that answers ListAccessKeys and refuses what its hidden bucket does not hold, as
// IAM does. Each port has a bucket of its own. Started by throttled.ts; it writes its ports to stdout and ends with its standard input.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { systemClock } from '../agent/io/clock-system.ts';
import { answers } from '../test/support/aws-answers.ts';
import { HiddenBucket } from '../test/support/hidden-bucket.ts';
import { errorAnswer, xmlAnswer } from '../test/support/scripted-endpoint.ts';

const { values } = parseArgs({
  options: {
    ports: { type: 'string', default: '1' },
    rate: { type: 'string', default: '20' },
    burst: { type: 'string', default: '40' },
    'latency-ms': { type: 'string', default: '50' },
  },
});

const clock = systemClock();
const good = xmlAnswer('ListAccessKeys', answers.ListAccessKeys ?? '').body;
const refusal = errorAnswer(400, 'Throttling', 'Rate exceeded').body;

interface Counts {
  accepted: number;
  refused: number;
  /** Of the first request and the last accepted one. */
  firstAtMs: number;
  lastAtMs: number;
}

/** `GET /start` fills the bucket and counts from zero, `GET /counts` tells; every POST is a call. */
function serve(): Server {
  const fresh = (): { bucket: HiddenBucket; counts: Counts } => ({
    bucket: new HiddenBucket(clock, { rateAt: () => Number(values.rate), burst: Number(values.burst) }),
    counts: { accepted: 0, refused: 0, firstAtMs: 0, lastAtMs: 0 },
  });
  let state = fresh();
  return createServer((request, response) => {
    if (request.method === 'GET') {
      if (request.url === '/start') state = fresh();
      response.end(JSON.stringify(state.counts));
      return;
    }
    request.resume();
    request.on('end', () => {
      const { bucket, counts } = state;
      const now = clock.monotonicMs();
      if (counts.firstAtMs === 0) counts.firstAtMs = now;
      const ok = bucket.take();
      counts[ok ? 'accepted' : 'refused'] += 1;
      if (ok) counts.lastAtMs = now;
      setTimeout(() => {
        response.writeHead(ok ? 200 : 400, { 'content-type': 'text/xml' });
        response.end(ok ? good : refusal);
      }, Number(values['latency-ms']));
    });
  });
}

const servers = Array.from({ length: Number(values.ports) }, serve);
const ports: number[] = [];
for (const server of servers) {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  ports.push((server.address() as AddressInfo).port);
}
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume();
process.stdin.on('end', () => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});
