// The reads of IAM that changes are read back with. Data only.
import type { Read } from './rule.ts';

type Parts = Omit<Read, 'operation' | 'at' | 'input'>;

const all = { MaxItems: 1000 } as const;

/** A read about one thing that the change names: by its members, filled from the change's members of the same name. */
function about(operation: string, members: readonly string[], at: string, more: Parts = {}): Read {
  return { operation, input: Object.fromEntries(members.map((member) => [member, `{${member}}`])), at, ...more };
}

/** The same read under another name for the thing. */
export function named(read: Read, input: Readonly<Record<string, string>>): Read {
  return { ...read, input };
}

const entity = (kind: string, id = `${kind}Id`): Read =>
  about(`Get${kind}`, [`${kind}Name`], kind, { id, created: 'CreateDate' });

export const user = entity('User');
export const group = entity('Group');
export const role = entity('Role');
export const instanceProfile = entity('InstanceProfile');
export const policy = about('GetPolicy', ['PolicyArn'], 'Policy', { id: 'PolicyId', created: 'CreateDate' });
export const loginProfile = about('GetLoginProfile', ['UserName'], 'LoginProfile', {
  id: 'CreateDate',
  created: 'CreateDate',
});
export const oidcProvider = about('GetOpenIDConnectProvider', ['OpenIDConnectProviderArn'], '', {
  id: 'CreateDate',
  created: 'CreateDate',
});
export const samlProvider = about('GetSAMLProvider', ['SAMLProviderArn'], '', {
  id: 'CreateDate',
  created: 'CreateDate',
});
export const serverCertificate = about('GetServerCertificate', ['ServerCertificateName'], 'ServerCertificate', {
  id: 'ServerCertificateMetadata.ServerCertificateId',
  created: 'ServerCertificateMetadata.UploadDate',
});
export const policyVersion = about('GetPolicyVersion', ['PolicyArn', 'VersionId'], 'PolicyVersion');
export const passwordPolicy = about('GetAccountPasswordPolicy', [], 'PasswordPolicy');
export const delegationRequest = about('GetDelegationRequest', ['DelegationRequestId'], 'DelegationRequest');
export const features = about('ListOrganizationsFeatures', [], 'EnabledFeatures');
export const webIdentity = about('GetOutboundWebIdentityFederationInfo', [], '', { noneCodes: ['FeatureDisabled'] });
export const accountProperties = about('GetAccountProperties', [], '');
export const accountSummary = about('GetAccountSummary', [], 'SummaryMap');

// Lists of what one user has.
export const accessKeys = about('ListAccessKeys', ['UserName'], 'AccessKeyMetadata', {
  id: 'AccessKeyId',
  created: 'CreateDate',
});
export const serviceCredentials = about('ListServiceSpecificCredentials', ['UserName'], 'ServiceSpecificCredentials', {
  id: 'ServiceSpecificCredentialId',
  created: 'CreateDate',
});
export const sshKeys = about('ListSSHPublicKeys', ['UserName'], 'SSHPublicKeys', {
  id: 'SSHPublicKeyId',
  created: 'UploadDate',
});
export const signingCertificates = about('ListSigningCertificates', ['UserName'], 'Certificates', {
  id: 'CertificateId',
  created: 'UploadDate',
});
export const mfaDevices = about('ListMFADevices', ['UserName'], 'MFADevices', {
  id: 'SerialNumber',
  created: 'EnableDate',
});
export const groupsOfUser = about('ListGroupsForUser', ['UserName'], 'Groups');

export const attached = (kind: 'User' | 'Group' | 'Role'): Read =>
  about(`ListAttached${kind}Policies`, [`${kind}Name`], 'AttachedPolicies');
export const inline = (kind: 'User' | 'Group' | 'Role'): Read =>
  about(`Get${kind}Policy`, [`${kind}Name`, 'PolicyName'], '');
export const boundary = (kind: 'User' | 'Role'): Read =>
  about(`Get${kind}`, [`${kind}Name`], `${kind}.PermissionsBoundary`);
export const rolesOfProfile = about('GetInstanceProfile', ['InstanceProfileName'], 'InstanceProfile.Roles');
export const clientIds = about('GetOpenIDConnectProvider', ['OpenIDConnectProviderArn'], 'ClientIDList');
export const policyVersions = about('ListPolicyVersions', ['PolicyArn'], 'Versions', {
  id: 'VersionId',
  created: 'CreateDate',
});

// Lists of the account, for what is named by an ARN or serial number that holds the account's id.
export const policies = about('ListPolicies', [], 'Policies', {
  fixed: { Scope: 'Local', ...all },
  id: 'PolicyId',
  created: 'CreateDate',
});
export const roles = about('ListRoles', [], 'Roles', { fixed: all, id: 'RoleId', created: 'CreateDate' });
export const oidcProviders = about('ListOpenIDConnectProviders', [], 'OpenIDConnectProviderList', { id: 'Arn' });
export const samlProviders = about('ListSAMLProviders', [], 'SAMLProviderList', {
  id: 'CreateDate',
  created: 'CreateDate',
});
export const virtualMfaDevices = about('ListVirtualMFADevices', [], 'VirtualMFADevices', {
  fixed: all,
  id: 'SerialNumber',
});
export const aliases = about('ListAccountAliases', [], 'AccountAliases', { id: 'AccountAliases' });
export const delegationRequests = about('ListDelegationRequests', [], 'DelegationRequests', {
  id: 'DelegationRequestId',
  created: 'CreateDate',
});

/** `member` names the thing, and `from` is where that name stands: in the change's input, or in an item that was read. */
export const tagsOf = (kind: string, member: string, from = member): Read => ({
  operation: `List${kind}Tags`,
  input: { [member]: `{${from}}` },
  at: 'Tags',
});
