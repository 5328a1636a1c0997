// Changes of the credentials of a user.
import * as reads from './reads.ts';
import { by, gone, harmless, lostSecret, there } from './rows.ts';
import type { ReadBack } from './rule.ts';

const accessKey = 'the access key {AccessKeyId} of the user {UserName}';
const credential = 'the service-specific credential {ServiceSpecificCredentialId} of the user {UserName}';
const sshKey = 'the SSH key {SSHPublicKeyId} of the user {UserName}';
const signing = 'the signing certificate {CertificateId} of the user {UserName}';
const enabled = 'the MFA device {SerialNumber} of the user {UserName}';
const loginProfile = 'the login profile of the user {UserName}';
const password = { Password: 'passwords are in no answer' };

export const credentials: Readonly<Record<string, ReadBack>> = {
  CreateAccessKey: {
    kind: 'minted',
    what: 'access key of the user {UserName}',
    read: reads.accessKeys,
    shown: ['Status'],
    advice: lostSecret('key'),
    deactivate: { action: 'update_access_key', idInput: 'AccessKeyId' },
  },
  DeleteAccessKey: gone(accessKey, reads.accessKeys, by('AccessKeyId')),
  UpdateAccessKey: there(accessKey, reads.accessKeys, by('AccessKeyId'), { Status: 'Status' }),

  CreateServiceSpecificCredential: {
    kind: 'minted',
    what: 'service-specific credential of the user {UserName} for {ServiceName}',
    read: reads.serviceCredentials,
    fits: by('ServiceName'),
    shown: ['Status'],
    advice: lostSecret('credential'),
    deactivate: { action: 'update_service_specific_credential', idInput: 'ServiceSpecificCredentialId' },
  },
  DeleteServiceSpecificCredential: gone(credential, reads.serviceCredentials, by('ServiceSpecificCredentialId')),
  UpdateServiceSpecificCredential: there(
    credential,
    reads.serviceCredentials,
    by('ServiceSpecificCredentialId'),
    { Status: 'Status' }, //
  ),
  ResetServiceSpecificCredential: {
    kind: 'unreadable',
    reason: 'no read shows which secret a credential has; reset it again for one that is known',
  },

  UploadSSHPublicKey: {
    kind: 'minted',
    what: 'SSH key of the user {UserName}',
    read: reads.sshKeys,
    shown: ['Status'],
    advice: harmless('key'),
  },
  DeleteSSHPublicKey: gone(sshKey, reads.sshKeys, by('SSHPublicKeyId')),
  UpdateSSHPublicKey: there(sshKey, reads.sshKeys, by('SSHPublicKeyId'), { Status: 'Status' }),

  UploadSigningCertificate: {
    kind: 'minted',
    what: 'signing certificate of the user {UserName}',
    read: reads.signingCertificates,
    fits: by('CertificateBody'),
    shown: ['Status'],
    advice: harmless('certificate'),
  },
  DeleteSigningCertificate: gone(signing, reads.signingCertificates, by('CertificateId')),
  UpdateSigningCertificate: there(signing, reads.signingCertificates, by('CertificateId'), { Status: 'Status' }),

  CreateLoginProfile: { kind: 'named', what: loginProfile, read: reads.loginProfile, hidden: password },
  DeleteLoginProfile: gone(loginProfile, reads.loginProfile),
  UpdateLoginProfile: {
    kind: 'state',
    wanted: 'there',
    what: loginProfile,
    read: reads.loginProfile,
    equal: { PasswordResetRequired: 'PasswordResetRequired' },
    hidden: password,
  },
  ChangePassword: { kind: 'unreadable', reason: 'passwords are in no answer; try to sign in with the new one' },

  EnableMFADevice: there(enabled, reads.mfaDevices, by('SerialNumber')),
  DeactivateMFADevice: gone(enabled, reads.mfaDevices, by('SerialNumber')),
  ResyncMFADevice: {
    kind: 'unreadable',
    reason: 'no read shows how far the clock of a device is off; sign in with it',
  },
};
