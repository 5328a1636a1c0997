// One connection of the file to one connection of the program: reads its reference values, renders the templates of its fields, checks what
// came out. A rendered text that holds a password is never shown: problems then show the template.
import type { Connection, CredentialSource, Limits, ReferenceValue } from '../connection.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type Findings, isLoopback, proxyRule } from './findings.ts';
import type { KeyPath } from './problem.ts';
import { readReferenceValues } from './reference-values.ts';
import type { ConnectionFile, ControlPlaneFile } from './schema.ts';

/** Null when it has problems; they are in `findings`. */
export async function buildConnection(
  file: ConnectionFile,
  at: KeyPath,
  defaults: Pick<ControlPlaneFile, 'ca_file' | 'proxy'>,
  findings: Findings,
): Promise<Connection | null> {
  const before = findings.problems.length;
  refuseUnsupported(file, at, findings);
  const referenceValues = await readReferenceValues(file.reference_values, [...at, 'reference_values'], findings);
  const credentials = await credentialSource(file.credentials, [...at, 'credentials'], findings);
  const ca = file.ca_file ?? defaults.ca_file;
  // The default's own problems are reported where it stands.
  const caFile =
    file.ca_file === undefined ? ca && findings.resolve(ca) : await findings.caFile([...at, 'ca_file'], file.ca_file);
  const limits = callLimits(file.limits, [...at, 'limits'], findings);
  if (referenceValues === null) return null;
  const fields = await renderedFields(file, at, referenceValues, findings);
  const proxy = fields.proxy ?? defaults.proxy;
  if (!file.verify_ssl)
    findings.warn(
      'verify_ssl_off',
      `connection '${file.label}': TLS certificates are not checked (verify_ssl: false); whoever sits between can read and change its calls`,
      file.label,
    );
  if (credentials === null || limits === null || findings.problems.length > before) return null;
  return {
    label: file.label,
    region: fields.region ?? file.region,
    verifySsl: file.verify_ssl,
    ...(caFile === undefined ? {} : { caFile }),
    ...(proxy === undefined ? {} : { proxy }),
    referenceValues,
    credentials,
    ...(fields.roleArn === undefined ? {} : { roleArn: fields.roleArn }),
    ...(fields.roleExternalId === undefined ? {} : { roleExternalId: fields.roleExternalId }),
    ...(fields.roleSessionName === undefined ? {} : { roleSessionName: fields.roleSessionName }),
    allowedRoleArns: file.allowed_role_arns,
    allow: file.allow,
    endpoints: {
      ...(fields.iam === undefined ? {} : { iam: fields.iam }),
      ...(fields.sts === undefined ? {} : { sts: fields.sts }),
    },
    limits,
    readBackSeconds: file.read_back_seconds,
    deactivateOrphans: file.deactivate_orphans,
    markCreated: file.mark_created,
  };
}

function refuseUnsupported(file: ConnectionFile, at: KeyPath, findings: Findings): void {
  if (file.deliver.mode !== 'clear')
    findings.unsupported([...at, 'deliver', 'mode'], `the mode ${file.deliver.mode}`, 'mode: clear');
  for (const key of ['recipients_file', 'directory', 'owner'] as const)
    if (file.deliver[key] !== undefined)
      findings.unsupported([...at, 'deliver', key], `the key ${key}`, 'mode: clear and no other key');
}

async function credentialSource(
  file: ConnectionFile['credentials'],
  at: KeyPath,
  findings: Findings,
): Promise<CredentialSource | null> {
  const { access_key_file, secret_key_file, session_token_file, source, profile, process } = file;
  const files = access_key_file !== undefined || secret_key_file !== undefined || session_token_file !== undefined;
  const forms = [files, source !== undefined, profile !== undefined, process !== undefined].filter(Boolean).length;
  const expected = 'exactly one of: access_key_file with secret_key_file; source: default; profile; process';
  if (forms !== 1) {
    findings.problem(at, expected, forms === 0 ? 'none of them' : `${forms} of them`, 'keep one form');
    return null;
  }
  if (source !== undefined) return { kind: 'default' };
  if (profile !== undefined) return { kind: 'profile', profile };
  if (process !== undefined) return { kind: 'process', command: process };
  if (access_key_file === undefined || secret_key_file === undefined) {
    const missing = access_key_file === undefined ? 'access_key_file' : 'secret_key_file';
    findings.problem(at, 'access_key_file and secret_key_file', `no ${missing}`, `add the key ${missing}`);
    return null;
  }
  const accessKeyFile = await findings.secretFile([...at, 'access_key_file'], access_key_file);
  const secretKeyFile = await findings.secretFile([...at, 'secret_key_file'], secret_key_file);
  if (session_token_file === undefined) return { kind: 'files', accessKeyFile, secretKeyFile };
  const sessionTokenFile = await findings.secretFile([...at, 'session_token_file'], session_token_file);
  return { kind: 'files', accessKeyFile, secretKeyFile, sessionTokenFile };
}

const defaultMaxCallsPerSecond = 20;

function callLimits(file: ConnectionFile['limits'], at: KeyPath, findings: Findings): Limits | null {
  const callsPerSecond = file.calls_per_second;
  const maxCallsPerSecond = file.max_calls_per_second ?? Math.max(defaultMaxCallsPerSecond, callsPerSecond);
  if (maxCallsPerSecond >= callsPerSecond)
    return { callsPerSecond, maxCallsPerSecond, burst: file.burst, inFlight: file.in_flight };
  const expected = `at least calls_per_second (${callsPerSecond})`;
  findings.problem(
    [...at, 'max_calls_per_second'],
    expected,
    `the number ${maxCallsPerSecond}`,
    'raise it, or lower calls_per_second',
  );
  return null;
}

interface RenderedFields {
  region?: string;
  proxy?: string;
  roleArn?: string;
  roleExternalId?: string;
  roleSessionName?: string;
  iam?: string;
  sts?: string;
}

interface FieldRule {
  readonly field: keyof RenderedFields;
  readonly key: readonly string[];
  readonly source: string | undefined;
  readonly expected: string;
  readonly pattern: RegExp;
}

// The names that botocore's endpoint data knows, by their form: us-east-1, us-gov-west-1, us-isob-east-1, aws-global.
const regionForm = /^([a-z]{2,5}(-[a-z]{2,9}){1,2}-\d{1,2}|aws(-[a-z]{2,6}){0,2}-global)$/;
const anyText = /^.+$/su;

function fieldRules(file: ConnectionFile): readonly FieldRule[] {
  return [
    {
      field: 'region',
      key: ['region'],
      source: file.region,
      expected: 'the name of an AWS region, as us-east-1',
      pattern: regionForm,
    },
    { field: 'proxy', key: ['proxy'], source: file.proxy, expected: 'an address', pattern: anyText },
    {
      field: 'roleArn',
      key: ['role_arn'],
      source: file.role_arn,
      expected: 'the ARN of a role, as arn:aws:iam::123456789012:role/name',
      pattern: /^arn:aws[a-z-]{0,12}:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/,
    },
    {
      field: 'roleExternalId',
      key: ['role_external_id'],
      source: file.role_external_id,
      expected: '2 to 1224 letters, digits and _+=,.@:/-',
      pattern: /^[\w+=,.@:/-]{2,1224}$/,
    },
    {
      field: 'roleSessionName',
      key: ['role_session_name'],
      source: file.role_session_name,
      expected: '2 to 64 letters, digits and _+=,.@-',
      pattern: /^[\w+=,.@-]{2,64}$/,
    },
    { field: 'iam', key: ['endpoints', 'iam'], source: file.endpoints.iam, expected: 'an address', pattern: anyText },
    { field: 'sts', key: ['endpoints', 'sts'], source: file.endpoints.sts, expected: 'an address', pattern: anyText },
  ];
}

async function renderedFields(
  file: ConnectionFile,
  at: KeyPath,
  values: readonly ReferenceValue[],
  findings: Findings,
): Promise<RenderedFields> {
  const fields: RenderedFields = {};
  for (const rule of fieldRules(file)) {
    if (rule.source === undefined) continue;
    const path = [...at, ...rule.key];
    const rendered = await renderField(rule.source, path, values, findings);
    if (rendered === null) continue;
    const { text, shown } = rendered;
    fields[rule.field] = text;
    if (!rule.pattern.test(text))
      findings.problem(
        path,
        rule.expected,
        shown ?? `the text ${JSON.stringify(text.slice(0, 120))}`,
        'correct the value',
      );
    else if (rule.field === 'proxy') findings.address(path, text, { ...proxyRule, shown });
    else if (rule.field === 'iam' || rule.field === 'sts') checkEndpoint(file.label, path, text, shown, findings);
  }
  return fields;
}

function checkEndpoint(
  label: string,
  path: KeyPath,
  text: string,
  shown: string | undefined,
  findings: Findings,
): void {
  const url = findings.address(path, text, { schemes: ['https', 'http'], userInfo: false, shown });
  if (url?.protocol === 'http:' && !isLoopback(url))
    findings.warn('plain_http', `connection '${label}': calls to ${shown ?? url.host} travel without TLS`, label);
}

async function renderField(
  source: string,
  path: KeyPath,
  values: readonly ReferenceValue[],
  findings: Findings,
): Promise<{ readonly text: string; readonly shown: string | undefined } | null> {
  // Most fields are no template: the language is loaded for those that are.
  if (!source.includes('{')) return { text: source, shown: undefined };
  const { compileTemplate, renderTemplate } = await import('../template/template.ts');
  const template = compileTemplate(source);
  const secrets = new Set(values.filter(({ kind }) => kind === 'password').map(({ name }) => name));
  const references = Object.fromEntries(values.map(({ name, value }) => [name, value]));
  // Here, and only here, passwords are values like any other.
  const result = isRefusal(template)
    ? template
    : renderTemplate(template, { row: {}, references, secretNames: new Set() });
  const holdsSecret = !isRefusal(template) && template.names.some((name) => secrets.has(name));
  if (!isRefusal(result)) return { text: result, shown: holdsSecret ? JSON.stringify(source) : undefined };
  // A failed rendering can quote what it worked on.
  const found = holdsSecret ? `a template that fails (${result.code})` : `${result.code}: ${result.detail}`;
  findings.problem(path, 'a template that renders with the reference values of this connection', found, 'correct it');
  return null;
}
