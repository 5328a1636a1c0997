// Which changes wait for each other: those of one thing, so that what a read shows afterwards is of this call and of no other. All others run
// side by side.
import type { Connection } from '../../connection.ts';
import type { PreparedCall } from '../inputs.ts';
import { textOf } from './rule.ts';
import { readBackOf } from './table.ts';

/** The members that name what a change is about; the first that it gives counts. */
const subjects = [
  'UserName',
  'RoleName',
  'GroupName',
  'InstanceProfileName',
  'ServerCertificateName',
  'PolicyArn',
  'OpenIDConnectProviderArn',
  'SAMLProviderArn',
  'SerialNumber',
  'DelegationRequestId',
  // The names of what is made, where the rest names it by its ARN.
  'PolicyName',
  'VirtualMFADeviceName',
  'Url',
  'Name',
  'AccountAlias',
  'AWSServiceName',
] as const;

/** What the change is about: one thing by name, or a part of the account by the read that shows it. */
export function subjectOf({ action, input }: Pick<PreparedCall, 'action' | 'input'>): readonly string[] {
  for (const member of subjects) {
    // IAM holds two names for one that differ in their letters' case only.
    const name = textOf(input[member]).toLowerCase();
    if (name !== '') return [member, name];
  }
  const rule = readBackOf(action.operation);
  return [rule === undefined || rule.kind === 'unreadable' ? action.operation : rule.read.operation];
}

/**
 * The account is known by the role that is assumed. Connections without one count as of one account: two of them may be, and a key of the one
 * would be a candidate of the other.
 */
export function turnKey(call: PreparedCall, { roleArn, endpoints }: Connection): string {
  const account = (call.roleArn ?? roleArn ?? '').split(':')[4] ?? null;
  return JSON.stringify([endpoints.iam ?? null, account, ...subjectOf(call)]);
}
