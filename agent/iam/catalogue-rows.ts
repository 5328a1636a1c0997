// What the SDK's schemas cannot say about the actions: the labels and texts of the published integration, the access level, what a repeated
// call would do, and botocore's minimum lengths. Data only; catalogue.ts joins it with the schemas.
import type { AccessLevel, Repeat } from './catalogue.ts';
import type { Service } from './schema.ts';

export interface InputRow {
  readonly label: string;
  readonly member: string;
  /** Stricter than the SDK: the published integration needs it. Without it AWS would act on the caller's own user. */
  readonly required?: boolean;
  readonly oneOf?: readonly string[];
  readonly blankMeansDefault?: boolean;
  readonly description: string;
  readonly example: string;
}

export interface ActionRow {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly accessLevel: AccessLevel;
  readonly repeat: Repeat;
  readonly service: Service;
  readonly operation: string;
  readonly inputs: readonly InputRow[];
}

/** Shortest text or smallest number that boto3 sends, by member name. */
export const minimums: Readonly<Record<string, number>> = {
  UserName: 1,
  AccessKeyId: 16,
  PolicyArn: 20,
};

const userName: InputRow = {
  label: 'Username',
  member: 'UserName',
  required: true,
  description: 'The name of the IAM user.',
  example: '{{aws_username_column_name}}',
};
const accessKeyId: InputRow = {
  label: 'Access Key',
  member: 'AccessKeyId',
  required: true,
  description: 'The ID of the access key.',
  example: '{{aws_iam_column_name}}',
};

export const actionRows: readonly ActionRow[] = [
  {
    name: 'get_access_key_last_used',
    displayName: 'Get Access Key Last Used',
    description: 'When an access key was last used, with which service and in which Region.',
    accessLevel: 'read',
    repeat: 'safe',
    service: 'iam',
    operation: 'GetAccessKeyLastUsed',
    inputs: [accessKeyId],
  },
  {
    name: 'create_access_key',
    displayName: 'Create Access Key',
    description: 'Makes a new access key for a user. The secret is in the answer and nowhere else.',
    accessLevel: 'write',
    repeat: 'never',
    service: 'iam',
    operation: 'CreateAccessKey',
    inputs: [userName],
  },
  {
    name: 'delete_access_key',
    displayName: 'Delete Access Key',
    description: 'Deletes an access key of a user.',
    accessLevel: 'write',
    repeat: 'answer_changes',
    service: 'iam',
    operation: 'DeleteAccessKey',
    inputs: [userName, accessKeyId],
  },
  {
    name: 'list_access_keys',
    displayName: 'List Access Keys',
    description: 'The IDs, states and dates of the access keys of a user, one row each.',
    accessLevel: 'list',
    repeat: 'safe',
    service: 'iam',
    operation: 'ListAccessKeys',
    inputs: [userName],
  },
  {
    name: 'update_access_key',
    displayName: 'Update Access Key',
    description: 'Makes an access key active or inactive.',
    accessLevel: 'write',
    repeat: 'answer_changes',
    service: 'iam',
    operation: 'UpdateAccessKey',
    inputs: [
      userName,
      accessKeyId,
      {
        label: 'Status',
        member: 'Status',
        required: true,
        oneOf: ['Active', 'Inactive'],
        description: 'The new state of the access key.',
        example: 'Inactive',
      },
    ],
  },
  {
    name: 'attach_user_policy',
    displayName: 'Attach User Policy',
    description: 'Attaches a managed policy to a user.',
    accessLevel: 'permissions',
    repeat: 'answer_changes',
    service: 'iam',
    operation: 'AttachUserPolicy',
    inputs: [
      userName,
      {
        label: 'Policy ARN',
        member: 'PolicyArn',
        required: true,
        description: 'The ARN of the managed policy.',
        example: '{{policy_column_name}}',
      },
    ],
  },
  {
    name: 'list_policies',
    displayName: 'List Policies',
    description: "The managed policies of the account, AWS's own among them, one row each.",
    accessLevel: 'list',
    repeat: 'safe',
    service: 'iam',
    operation: 'ListPolicies',
    inputs: [
      {
        label: 'Policy Usage Filter',
        member: 'PolicyUsageFilter',
        oneOf: ['PermissionsPolicy', 'PermissionsBoundary'],
        blankMeansDefault: true,
        description: 'Only policies used in this way. Blank: no filter.',
        example: 'PermissionsPolicy',
      },
      {
        label: 'Scope',
        member: 'Scope',
        oneOf: ['All', 'AWS', 'Local'],
        blankMeansDefault: true,
        description: "All policies, only AWS's own, or only the account's. Blank: All.",
        example: 'Local',
      },
      {
        label: 'Only Attached',
        member: 'OnlyAttached',
        blankMeansDefault: true,
        description: 'Only policies that are attached to something. Blank: False.',
        example: 'False',
      },
    ],
  },
  {
    name: 'test_connection',
    displayName: 'Test Connection',
    description: 'Asks AWS who the connection is.',
    accessLevel: 'read',
    repeat: 'safe',
    service: 'sts',
    operation: 'GetCallerIdentity',
    inputs: [],
  },
];
