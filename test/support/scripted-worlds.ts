// Changes that moto does not have, or cannot show: what their reads give before the change and after it. Data only.
import type { Json } from '../../protocol/json.ts';

export interface ScriptedWorld {
  readonly input: Readonly<Record<string, Json>>;
  /** By read: the inside of its result before the change and after it; null is NoSuchEntity. */
  readonly reads: Readonly<Record<string, readonly [before: string | null, after: string | null]>>;
  /** The inside of the change's own result. */
  readonly answer?: string;
}

const list = (member: string, ...items: string[]): string =>
  `<${member}>${items.map((item) => `<member>${item}</member>`).join('')}</${member}><IsTruncated>false</IsTruncated>`;
const date = '2026-01-01T00:00:00Z';
const account = '123456789012';

const requestId = 'dr-0123456789abcdef';
const delegation = (state: string, more = ''): string =>
  `<DelegationRequest><DelegationRequestId>${requestId}</DelegationRequestId><State>${state}</State>${more}</DelegationRequest>`;
const request = (from: string, to: string, input: Readonly<Record<string, Json>> = {}, more = ''): ScriptedWorld => ({
  input: { DelegationRequestId: requestId, ...input },
  reads: { GetDelegationRequest: [delegation(from), delegation(to, more)] },
});

const credentialId = 'ACCAEXAMPLE0000000000';
const credential = (status: string, id = credentialId): string =>
  `<UserName>a</UserName><Status>${status}</Status><CreateDate>${date}</CreateDate><ServiceSpecificCredentialId>${id}</ServiceSpecificCredentialId><ServiceName>x.amazonaws.com</ServiceName>`;
const credentials = (...items: string[]): string => list('ServiceSpecificCredentials', ...items);

const provider = `arn:aws:iam::${account}:oidc-provider/idp.example.com`;
const clients = (...ids: string[]): string => `<Url>idp.example.com</Url>${list('ClientIDList', ...ids)}`;
const features = (...names: string[]): string =>
  `<OrganizationId>o-1</OrganizationId>${list('EnabledFeatures', ...names)}`;
const feature = (name: string, on: boolean): ScriptedWorld => {
  const states = [features('Other'), features('Other', name)] as const;
  return { input: {}, reads: { ListOrganizationsFeatures: on ? states : [states[1], states[0]] } };
};
const federation = (on: boolean): ScriptedWorld['reads'] => {
  const states = [null, '<JwtVendingEnabled>true</JwtVendingEnabled>'] as const;
  return { GetOutboundWebIdentityFederationInfo: on ? states : [states[1], states[0]] };
};

const user = (boundary: string): string =>
  `<User><Path>/</Path><UserName>a</UserName><UserId>AIDA1</UserId><Arn>a</Arn><CreateDate>${date}</CreateDate>${boundary}</User>`;
const limit = `arn:aws:iam::${account}:policy/limit`;
const bounded = user(
  `<PermissionsBoundary><PermissionsBoundaryArn>${limit}</PermissionsBoundaryArn></PermissionsBoundary>`,
);

const certificate = (name: string, path: string): string =>
  `<ServerCertificate><ServerCertificateMetadata><Path>${path}</Path><ServerCertificateName>${name}</ServerCertificateName><ServerCertificateId>ASCA1</ServerCertificateId><Arn>a</Arn></ServerCertificateMetadata><CertificateBody>c</CertificateBody></ServerCertificate>`;

const tag = (key: string, value: string): string => `<Key>${key}</Key><Value>${value}</Value>`;
const tagged = (read: string, input: Readonly<Record<string, Json>>): readonly [ScriptedWorld, ScriptedWorld] => [
  {
    input: { ...input, Tags: [{ Key: 'x', Value: '1 & 2' }] },
    reads: { [read]: [list('Tags', tag('y', '')), list('Tags', tag('x', '1 &amp; 2'), tag('y', ''))] },
  },
  {
    input: { ...input, TagKeys: ['x'] },
    reads: { [read]: [list('Tags', tag('x', '1')), list('Tags')] },
  },
];
const deviceArn = `arn:aws:iam::${account}:mfa/d`;
const [tagDevice, untagDevice] = tagged('ListMFADeviceTags', { SerialNumber: deviceArn });
const saml = `arn:aws:iam::${account}:saml-provider/s`;
const [tagProfile, untagProfile] = tagged('ListInstanceProfileTags', { InstanceProfileName: 'p' });
const [tagSaml, untagSaml] = tagged('ListSAMLProviderTags', { SAMLProviderArn: saml });
const [tagCertificate, untagCertificate] = tagged('ListServerCertificateTags', { ServerCertificateName: 'c' });
const codes = { AuthenticationCode1: '123456', AuthenticationCode2: '654321' };
const role = (id: string): string =>
  `<Path>/</Path><RoleName>r-${id}</RoleName><RoleId>${id}</RoleId><Arn>a</Arn><CreateDate>${date}</CreateDate>`;

export const scriptedWorlds: Readonly<Record<string, ScriptedWorld>> = {
  AcceptDelegationRequest: request('PENDING_APPROVAL', 'ACCEPTED'),
  AcquireRole: {
    input: { TemplateArn: `arn:aws:iam::${account}:role-template/t` },
    reads: { ListRoles: [list('Roles', role('AROA1')), list('Roles', role('AROA1'), role('AROA2'))] },
  },
  AddClientIDToOpenIDConnectProvider: {
    input: { OpenIDConnectProviderArn: provider, ClientID: 'new' },
    reads: { GetOpenIDConnectProvider: [clients('old'), clients('old', 'new')] },
  },
  AssociateDelegationRequest: request('UNASSIGNED', 'ASSIGNED'),
  ChangePassword: { input: { OldPassword: 'old-Password-1', NewPassword: 'new-Password-1' }, reads: {} },
  CreateDelegationRequest: {
    input: {
      Description: 'd',
      Permissions: { PolicyTemplateArn: `arn:aws:iam::${account}:policy-template/t` },
      RequestorWorkflowId: 'workflow',
      NotificationChannel: `arn:aws:sns:us-east-1:${account}:t`,
      SessionDuration: 3600,
    },
    reads: {
      ListDelegationRequests: [
        list('DelegationRequests'),
        list(
          'DelegationRequests',
          `<DelegationRequestId>${requestId}</DelegationRequestId><Description>d</Description><State>UNASSIGNED</State>`,
        ),
      ],
    },
  },
  CreateServiceSpecificCredential: {
    input: { UserName: 'a', ServiceName: 'x.amazonaws.com' },
    reads: {
      ListServiceSpecificCredentials: [
        credentials(credential('Active', 'ACCAOLD')),
        credentials(credential('Active', 'ACCAOLD'), credential('Active')),
      ],
    },
  },
  DeleteServiceSpecificCredential: {
    input: { UserName: 'a', ServiceSpecificCredentialId: credentialId },
    reads: { ListServiceSpecificCredentials: [credentials(credential('Active')), credentials()] },
  },
  DeleteUserPermissionsBoundary: { input: { UserName: 'a' }, reads: { GetUser: [bounded, user('')] } },
  DisableOrganizationsRootCredentialsManagement: feature('RootCredentialsManagement', false),
  DisableOrganizationsRootSessions: feature('RootSessions', false),
  DisableOutboundWebIdentityFederation: { input: {}, reads: federation(false) },
  EnableOrganizationsRootCredentialsManagement: feature('RootCredentialsManagement', true),
  EnableOrganizationsRootSessions: feature('RootSessions', true),
  EnableOutboundWebIdentityFederation: { input: {}, reads: federation(true) },
  PutAccountProperties: {
    input: { Properties: { a: '1' } },
    reads: {
      GetAccountProperties: [
        '<Properties><entry><key>b</key><value>2</value></entry></Properties>',
        '<Properties><entry><key>a</key><value>1</value></entry><entry><key>b</key><value>2</value></entry></Properties>',
      ],
    },
  },
  PutUserPermissionsBoundary: {
    input: { UserName: 'a', PermissionsBoundary: limit },
    reads: { GetUser: [user(''), bounded] },
  },
  RejectDelegationRequest: request('ASSIGNED', 'REJECTED'),
  RemoveClientIDFromOpenIDConnectProvider: {
    input: { OpenIDConnectProviderArn: provider, ClientID: 'new' },
    reads: { GetOpenIDConnectProvider: [clients('old', 'new'), clients('old')] },
  },
  ResetServiceSpecificCredential: {
    input: { UserName: 'a', ServiceSpecificCredentialId: credentialId },
    reads: {},
  },
  ResyncMFADevice: { input: { UserName: 'a', SerialNumber: deviceArn, ...codes }, reads: {} },
  SendDelegationToken: request('ACCEPTED', 'FINALIZED'),
  SetSecurityTokenServicePreferences: {
    input: { GlobalEndpointTokenVersion: 'v2Token' },
    reads: {
      GetAccountSummary: [1, 2].map(
        (version) =>
          `<SummaryMap><entry><key>GlobalEndpointTokenVersion</key><value>${version}</value></entry></SummaryMap>`,
      ) as [string, string],
    },
  },
  TagInstanceProfile: tagProfile,
  TagMFADevice: tagDevice,
  TagSAMLProvider: tagSaml,
  TagServerCertificate: tagCertificate,
  UntagInstanceProfile: untagProfile,
  UntagMFADevice: untagDevice,
  UntagSAMLProvider: untagSaml,
  UntagServerCertificate: untagCertificate,
  UpdateDelegationRequest: request('ASSIGNED', 'PENDING_APPROVAL', { Notes: 'n' }, '<Notes>n</Notes>'),
  UpdateServerCertificate: {
    input: { ServerCertificateName: 'c', NewPath: '/n/' },
    reads: { GetServerCertificate: [certificate('c', '/'), certificate('c', '/n/')] },
  },
  UpdateServiceSpecificCredential: {
    input: { UserName: 'a', ServiceSpecificCredentialId: credentialId, Status: 'Inactive' },
    reads: { ListServiceSpecificCredentials: [credentials(credential('Active')), credentials(credential('Inactive'))] },
  },
};
