// What AWS answers to each of the seven actions, as the inside of its result element; null where there is none.

const key = '<UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status>';
const made = '<CreateDate>2021-06-09T04:10:12Z</CreateDate>';
const policy =
  '<member><PolicyName>Read</PolicyName><PolicyId>ANPAEXAMPLE</PolicyId><Arn>arn:aws:iam::123456789012:policy/Read</Arn><Path>/</Path>' +
  '<DefaultVersionId>v1</DefaultVersionId><AttachmentCount>1</AttachmentCount><IsAttachable>true</IsAttachable></member>';

export const answers: Readonly<Record<string, string | null>> = {
  GetAccessKeyLastUsed:
    '<UserName>alice</UserName><AccessKeyLastUsed><LastUsedDate>2021-06-09T04:17:00Z</LastUsedDate><ServiceName>iam</ServiceName><Region>us-east-1</Region></AccessKeyLastUsed>',
  CreateAccessKey: `<AccessKey>${key}<SecretAccessKey>f71exampleexampleexample</SecretAccessKey>${made}</AccessKey>`,
  DeleteAccessKey: null,
  ListAccessKeys: `<AccessKeyMetadata><member>${key}${made}</member></AccessKeyMetadata><IsTruncated>false</IsTruncated>`,
  UpdateAccessKey: null,
  AttachUserPolicy: null,
  ListPolicies: `<Policies>${policy}${policy}</Policies><IsTruncated>false</IsTruncated>`,
};
