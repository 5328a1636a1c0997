// Changes of users, groups, roles and instance profiles, and of what is attached to them.
import * as reads from './reads.ts';
import { by, gone, harmless, made, renamed, there } from './rows.ts';
import type { ReadBack } from './rule.ts';

const user = 'the user {UserName}';
const role = 'the role {RoleName}';
const group = 'the group {GroupName}';
const profile = 'the instance profile {InstanceProfileName}';

/** Managed policies and inline ones. */
function policiesOf(kind: 'User' | 'Group' | 'Role'): Record<string, ReadBack> {
  const holder = `the ${kind.toLowerCase()} {${kind}Name}`;
  const attachment = `the attachment of the policy {PolicyArn} to ${holder}`;
  const inline = `the inline policy {PolicyName} of ${holder}`;
  return {
    [`Attach${kind}Policy`]: there(attachment, reads.attached(kind), by('PolicyArn')),
    [`Detach${kind}Policy`]: gone(attachment, reads.attached(kind), by('PolicyArn')),
    [`Put${kind}Policy`]: there(inline, reads.inline(kind), {}, { PolicyDocument: 'PolicyDocument' }),
    [`Delete${kind}Policy`]: gone(inline, reads.inline(kind)),
  };
}

function boundariesOf(kind: 'User' | 'Role'): Record<string, ReadBack> {
  const what = `the permissions boundary of the ${kind.toLowerCase()} {${kind}Name}`;
  const equal = { PermissionsBoundaryArn: 'PermissionsBoundary' };
  return {
    [`Put${kind}PermissionsBoundary`]: there(what, reads.boundary(kind), {}, equal),
    [`Delete${kind}PermissionsBoundary`]: gone(what, reads.boundary(kind)),
  };
}

export const identities: Readonly<Record<string, ReadBack>> = {
  ...policiesOf('User'),
  ...policiesOf('Group'),
  ...policiesOf('Role'),
  ...boundariesOf('User'),
  ...boundariesOf('Role'),

  CreateUser: made(user, reads.user, {}, reads.tagsOf('User', 'UserName')),
  DeleteUser: gone(user, reads.user),
  UpdateUser: renamed('UserName', reads.user, 'the user'),
  CreateGroup: made(group, reads.group),
  DeleteGroup: gone(group, reads.group),
  UpdateGroup: renamed('GroupName', reads.group, 'the group'),
  AddUserToGroup: there(
    'the membership of the user {UserName} in the group {GroupName}',
    reads.groupsOfUser,
    by('GroupName'),
  ),
  RemoveUserFromGroup: gone(
    'the membership of the user {UserName} in the group {GroupName}',
    reads.groupsOfUser,
    by('GroupName'),
  ),

  CreateRole: made(role, reads.role, {}, reads.tagsOf('Role', 'RoleName')),
  DeleteRole: gone(role, reads.role),
  UpdateRole: there(role, reads.role, {}, { Description: 'Description', MaxSessionDuration: 'MaxSessionDuration' }),
  UpdateRoleDescription: there(role, reads.role, {}, { Description: { of: 'Description', byDefault: '' } }),
  UpdateAssumeRolePolicy: there(role, reads.role, {}, { AssumeRolePolicyDocument: 'PolicyDocument' }),
  CreateServiceLinkedRole: {
    kind: 'minted',
    what: 'service-linked role of {AWSServiceName}',
    read: reads.named(reads.roles, { PathPrefix: '/aws-service-role/{AWSServiceName}/' }),
    shown: ['RoleName'],
    advice: harmless('role'),
  },
  // The id of its task, which GetServiceLinkedRoleDeletionStatus asks for, is in the answer that was lost.
  DeleteServiceLinkedRole: gone(role, reads.role),
  AcquireRole: {
    kind: 'minted',
    what: 'role of the account',
    read: reads.roles,
    shown: ['RoleName'],
    advice: 'Only one that names the template as its source (get_role) can be it.',
  },

  CreateInstanceProfile: made(
    profile,
    reads.instanceProfile,
    {},
    reads.tagsOf('InstanceProfile', 'InstanceProfileName'),
  ),
  DeleteInstanceProfile: gone(profile, reads.instanceProfile),
  AddRoleToInstanceProfile: there(`${role} in ${profile}`, reads.rolesOfProfile, by('RoleName')),
  RemoveRoleFromInstanceProfile: gone(`${role} in ${profile}`, reads.rolesOfProfile, by('RoleName')),
};
