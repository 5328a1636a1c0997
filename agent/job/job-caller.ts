// Every call of a job says whose it is, so that jobs take turns, and whether a person waits for it: for a test of the connection, or for a job of
// one row. Batches go on all the same.
import type { IamCaller } from '../iam/iam-caller.ts';
import type { JobRecord } from './job-record.ts';

export function jobCaller(caller: IamCaller, { id, claims }: Pick<JobRecord, 'id' | 'claims'>): IamCaller {
  const interactive = claims !== null && (claims.action === 'test_connection' || claims.rows.count <= 1);
  return { call: (request) => caller.call({ ...request, job: id, interactive }) };
}
