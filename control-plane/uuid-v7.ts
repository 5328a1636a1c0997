// Job ids: UUID version 7 (RFC 9562), always growing within this process, so that newest-first is a plain order by id.
import { randomBytes } from 'node:crypto';
import { type JobId, jobIdSchema } from '../protocol/ids.ts';

const sequenceLimit = 0x1000;

/** A source of ids. A clock that stands still or goes back does not make ids go back: the last time and a 12-bit counter carry on. */
export function jobIds(now: () => number): () => JobId {
  let lastMs = 0;
  let sequence = 0;
  return () => {
    const nowMs = now();
    if (nowMs > lastMs) [lastMs, sequence] = [nowMs, 0];
    else if (++sequence === sequenceLimit) [lastMs, sequence] = [lastMs + 1, 0];
    const time = lastMs.toString(16).padStart(12, '0');
    const random = randomBytes(8);
    random[0] = (random.readUInt8(0) & 0x3f) | 0x80;
    const tail = random.toString('hex');
    const counter = sequence.toString(16).padStart(3, '0');
    return jobIdSchema.parse(`${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${tail.slice(0, 4)}-${tail.slice(4)}`);
  };
}
