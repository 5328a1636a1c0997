// What no model says of the actions: the labels, the required inputs and the selects of the published integration, its texts, and what a
// second call would do. Data only.
import type { AccessLevel, Repeat } from '../../agent/iam/action.ts';

/** Labels of the published integration, and those that people expect; all others are the member's words. */
export const labels: Readonly<Record<string, string>> = {
  UserName: 'Username',
  AccessKeyId: 'Access Key',
};

/** The published integration's selects: nothing else is taken. */
export const selects: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  UpdateAccessKey: { Status: ['Active', 'Inactive'] },
  ListPolicies: {
    PolicyUsageFilter: ['PermissionsPolicy', 'PermissionsBoundary'],
    Scope: ['All', 'AWS', 'Local'],
  },
};

/** The published integration's inputs of an action: they come first and in this order, and no others are shown before them. */
export const inputOrder: Readonly<Record<string, readonly string[]>> = {
  ListPolicies: ['PolicyUsageFilter', 'Scope', 'OnlyAttached'],
};

/** Stricter than AWS, where a missing user name means the caller's own user: a change names its user, and so does this read. */
export const userNameRequired: ReadonlySet<string> = new Set(['ListAccessKeys']);

/** One-time codes of a device, which no model marks. */
export const secretInputs: ReadonlySet<string> = new Set(['AuthenticationCode1', 'AuthenticationCode2']);

/** Required texts that AWS takes empty, and that mean something so: what was there is taken away. */
export const mayBeBlank: Readonly<Record<string, readonly string[]>> = { UpdateRoleDescription: ['Description'] };

/** Operations of STS that are actions, and the display names that are not the operation's words. */
export const stsActions: Readonly<Record<string, string | null>> = {
  GetCallerIdentity: 'test_connection',
  GetAccessKeyInfo: null,
};

/** Operations that iam-data does not list, and those that hand permissions to somebody, which AWS calls writing. AcquireRole makes a role, with the permissions of its template. */
export const levels: Readonly<Record<string, AccessLevel>> = {
  AcquireRole: 'permissions',
  AcceptDelegationRequest: 'permissions',
  AssociateDelegationRequest: 'permissions',
  CreateDelegationRequest: 'permissions',
  SendDelegationToken: 'permissions',
  GetCallerIdentity: 'read',
  UpdateDelegationRequest: 'permissions',
};

/** What a second call does, by the operation's first word; reads are always safe. */
export const repeatByVerb: Readonly<Record<string, Repeat>> = {
  Accept: 'answer_changes',
  Acquire: 'never',
  Add: 'answer_changes',
  Associate: 'answer_changes',
  Attach: 'answer_changes',
  // The old password is no longer right.
  Change: 'never',
  Create: 'never',
  Deactivate: 'answer_changes',
  Delete: 'answer_changes',
  Detach: 'answer_changes',
  Disable: 'answer_changes',
  Enable: 'answer_changes',
  Put: 'answer_changes',
  Reject: 'answer_changes',
  Remove: 'answer_changes',
  // A new password each time.
  Reset: 'never',
  // One-time codes.
  Resync: 'never',
  Send: 'never',
  Set: 'answer_changes',
  Tag: 'answer_changes',
  Untag: 'answer_changes',
  Update: 'answer_changes',
  Upload: 'never',
};

/** One-time codes of the device. */
export const repeatByOperation: Readonly<Record<string, Repeat>> = { EnableMFADevice: 'never' };

/** In the agent's own words: the published integration's actions, and what AWS describes in other terms than ours. */
export const descriptions: Readonly<Record<string, string>> = {
  GetAccessKeyLastUsed: 'When an access key was last used, with which service and in which Region.',
  CreateAccessKey: 'Makes a new access key for a user. The secret is in the answer and nowhere else.',
  DeleteAccessKey: 'Deletes an access key of a user.',
  ListAccessKeys: 'The IDs, states and dates of the access keys of a user, one row each.',
  UpdateAccessKey: 'Makes an access key active or inactive.',
  AttachUserPolicy: 'Attaches a managed policy to a user.',
  ListPolicies: "The managed policies of the account, AWS's own among them, one row each.",
  GetCallerIdentity: 'Asks AWS who the connection is.',
};

/** By action and member; the empty action is for all. */
export const inputTexts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {
    UserName: 'The name of the IAM user.',
    AccessKeyId: 'The ID of the access key.',
    PolicyArn: 'The ARN of the managed policy.',
  },
  UpdateAccessKey: { Status: 'The new state of the access key.' },
  ListPolicies: {
    PolicyUsageFilter: 'Only policies used in this way. Blank: no filter.',
    Scope: "All policies, only AWS's own, or only the account's. Blank: All.",
    OnlyAttached: 'Only policies that are attached to something. Blank: False.',
    PathPrefix: 'Only policies whose path begins so. Blank: all.',
  },
};
