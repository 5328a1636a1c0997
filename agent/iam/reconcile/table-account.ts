// Changes of what belongs to the account: policies, providers, certificates, devices, settings; and of tags.
import * as reads from './reads.ts';
import { by, type Equal, gone, harmless, made, renamed, there } from './rows.ts';
import type { ReadBack } from './rule.ts';

const serverCertificate = 'the server certificate {ServerCertificateName}';
const oidc = 'the OpenID Connect provider {OpenIDConnectProviderArn}';
const saml = 'the SAML provider {SAMLProviderArn}';
const device = 'the virtual MFA device {SerialNumber}';
const request = 'the delegation request {DelegationRequestId}';
const version = 'the version {VersionId} of the policy {PolicyArn}';

function tagsOf(kind: string, member: string, what: string): Record<string, ReadBack> {
  const common = { kind: 'tags', what, read: reads.tagsOf(kind, member) } as const;
  return { [`Tag${kind}`]: { ...common, wanted: 'there' }, [`Untag${kind}`]: { ...common, wanted: 'gone' } };
}

function featureOf(operation: string, feature: string): Record<string, ReadBack> {
  const what = `the feature ${feature} of the organization`;
  const find = { EnabledFeatures: feature };
  return {
    [`Enable${operation}`]: there(what, reads.features, find),
    [`Disable${operation}`]: gone(what, reads.features, find),
  };
}

/** AWS sets what is not given back to its default. */
const passwordRules: Equal = Object.fromEntries(
  Object.entries({
    MinimumPasswordLength: 6,
    RequireSymbols: false,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: false,
    MaxPasswordAge: 0,
    PasswordReusePrevention: 0,
    HardExpiry: false,
  }).map(([name, byDefault]) => [name, { of: name, byDefault }]),
);

export const account: Readonly<Record<string, ReadBack>> = {
  ...tagsOf('User', 'UserName', 'the user {UserName}'),
  ...tagsOf('Role', 'RoleName', 'the role {RoleName}'),
  ...tagsOf('Policy', 'PolicyArn', 'the policy {PolicyArn}'),
  ...tagsOf('InstanceProfile', 'InstanceProfileName', 'the instance profile {InstanceProfileName}'),
  ...tagsOf('MFADevice', 'SerialNumber', device),
  ...tagsOf('OpenIDConnectProvider', 'OpenIDConnectProviderArn', oidc),
  ...tagsOf('SAMLProvider', 'SAMLProviderArn', saml),
  ...tagsOf('ServerCertificate', 'ServerCertificateName', serverCertificate),
  ...featureOf('OrganizationsRootCredentialsManagement', 'RootCredentialsManagement'),
  ...featureOf('OrganizationsRootSessions', 'RootSessions'),

  UploadServerCertificate: made(
    serverCertificate,
    reads.serverCertificate,
    {},
    reads.tagsOf('ServerCertificate', 'ServerCertificateName'),
  ),
  DeleteServerCertificate: gone(serverCertificate, reads.serverCertificate),
  UpdateServerCertificate: renamed(
    'ServerCertificateName',
    reads.serverCertificate,
    'the server certificate',
    'ServerCertificateMetadata.Path',
  ),

  CreatePolicy: made(
    'the policy {PolicyName}',
    reads.policies,
    by('PolicyName'),
    reads.tagsOf('Policy', 'PolicyArn', 'Arn'),
  ),
  DeletePolicy: gone('the policy {PolicyArn}', reads.policy),
  CreatePolicyVersion: {
    kind: 'minted',
    what: 'version of the policy {PolicyArn}',
    read: reads.policyVersions,
    fits: { Document: '{PolicyDocument}' },
    shown: ['IsDefaultVersion'],
    advice: harmless('version'),
  },
  DeletePolicyVersion: gone(version, reads.policyVersion),
  SetDefaultPolicyVersion: there(version, reads.policyVersion, {}, { IsDefaultVersion: { oneOf: [true] } }),

  CreateVirtualMFADevice: made(
    'the virtual MFA device {VirtualMFADeviceName}',
    reads.virtualMfaDevices,
    { SerialNumber: '*:mfa{Path|=/}{VirtualMFADeviceName}' },
    reads.tagsOf('MFADevice', 'SerialNumber'),
  ),
  DeleteVirtualMFADevice: gone(device, reads.virtualMfaDevices, by('SerialNumber')),

  CreateOpenIDConnectProvider: made(
    'the OpenID Connect provider of {Url}',
    reads.oidcProviders,
    { Arn: '*:oidc-provider/{Url}' },
    reads.tagsOf('OpenIDConnectProvider', 'OpenIDConnectProviderArn', 'Arn'),
  ),
  DeleteOpenIDConnectProvider: gone(oidc, reads.oidcProvider),
  UpdateOpenIDConnectProviderThumbprint: there(oidc, reads.oidcProvider, {}, { ThumbprintList: 'ThumbprintList' }),
  AddClientIDToOpenIDConnectProvider: there(`the client id {ClientID} of ${oidc}`, reads.clientIds, {
    ClientIDList: '{ClientID}',
  }),
  RemoveClientIDFromOpenIDConnectProvider: gone(`the client id {ClientID} of ${oidc}`, reads.clientIds, {
    ClientIDList: '{ClientID}',
  }),

  CreateSAMLProvider: made(
    'the SAML provider {Name}',
    reads.samlProviders,
    { Arn: '*:saml-provider/{Name}' },
    reads.tagsOf('SAMLProvider', 'SAMLProviderArn', 'Arn'),
  ),
  DeleteSAMLProvider: gone(saml, reads.samlProvider),
  UpdateSAMLProvider: {
    kind: 'state',
    wanted: 'there',
    what: saml,
    read: reads.samlProvider,
    equal: {
      SAMLMetadataDocument: 'SAMLMetadataDocument',
      AssertionEncryptionMode: 'AssertionEncryptionMode',
      PrivateKeyList: { of: 'RemovePrivateKey', lacks: 'KeyId' },
    },
    hidden: { AddPrivateKey: 'private keys are in no answer' },
  },

  CreateAccountAlias: made('the account alias {AccountAlias}', reads.aliases, { AccountAliases: '{AccountAlias}' }),
  DeleteAccountAlias: gone('the account alias {AccountAlias}', reads.aliases, { AccountAliases: '{AccountAlias}' }),
  UpdateAccountPasswordPolicy: there('the password policy of the account', reads.passwordPolicy, {}, passwordRules),
  DeleteAccountPasswordPolicy: gone('the password policy of the account', reads.passwordPolicy),
  PutAccountProperties: there(
    'the properties of the account',
    reads.accountProperties,
    {},
    { Properties: 'Properties' },
  ),
  SetSecurityTokenServicePreferences: there(
    'the STS preference of the account',
    reads.accountSummary,
    {},
    {
      GlobalEndpointTokenVersion: { of: 'GlobalEndpointTokenVersion', values: { v1Token: 1, v2Token: 2 } },
    },
  ),
  EnableOutboundWebIdentityFederation: there('outbound web identity federation', reads.webIdentity, {
    JwtVendingEnabled: 'true',
  }),
  DisableOutboundWebIdentityFederation: gone('outbound web identity federation', reads.webIdentity, {
    JwtVendingEnabled: 'true',
  }),

  CreateDelegationRequest: {
    kind: 'minted',
    what: 'delegation request',
    read: reads.delegationRequests,
    fits: by('Description'),
    shown: ['State'],
    advice: harmless('request'),
  },
  AssociateDelegationRequest: there(
    request,
    reads.delegationRequest,
    {},
    {
      State: { oneOf: ['ASSIGNED', 'PENDING_APPROVAL', 'ACCEPTED', 'FINALIZED'] },
    },
  ),
  UpdateDelegationRequest: there(
    request,
    reads.delegationRequest,
    {},
    {
      State: { oneOf: ['PENDING_APPROVAL'] },
      Notes: 'Notes',
    },
  ),
  AcceptDelegationRequest: there(request, reads.delegationRequest, {}, { State: { oneOf: ['ACCEPTED', 'FINALIZED'] } }),
  RejectDelegationRequest: there(request, reads.delegationRequest, {}, { State: { oneOf: ['REJECTED'] } }),
  SendDelegationToken: there(request, reads.delegationRequest, {}, { State: { oneOf: ['FINALIZED'] } }),
};
