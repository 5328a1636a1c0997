// The shape of the configuration file. Every key has its form, its default and one sentence here and nowhere else: docs/configuration.md is
// made from it and config.example.yaml is tested against it. Strict: a key that is not known is a problem, never ignored.
import { z } from 'zod';
import { eventLevels } from '../events.ts';
import { defaultAllow } from '../job/allow-list.ts';

/** A text that must fit a pattern; `expected` is what the error message says. */
const text = (expected: string, pattern = /^[^\p{Cc}]{1,4096}$/u) =>
  z.string({ error: expected }).regex(pattern, { error: expected });
const path = (of: string) => text(`the path of ${of}`);
const yesNo = z.boolean({ error: 'true or false' });
const number = (expected: string, min: number, max: number) =>
  z.number({ error: expected }).min(min, { error: expected }).max(max, { error: expected });
const whole = (expected: string, min: number, max: number) => number(expected, min, max).int({ error: expected });
const list = <T extends z.ZodType>(item: T, expected: string, max: number) =>
  z.array(item, { error: expected }).max(max, { error: expected });
const choice = <const T extends readonly [string, ...string[]]>(...names: T) =>
  z.enum(names, { error: `one of ${names.join(', ')}` });
const mapping = <T extends z.core.$ZodShape>(shape: T, of: string) =>
  z.strictObject(shape, { error: `a mapping (${of})` });

/** Texts of a connection are templates over its reference values; they are checked again when they are rendered. */
const template = (of: string) => text(`${of} (may use reference values, as {{ name }})`);

export const controlPlaneSchema = mapping(
  {
    url: text('an https:// address').meta({
      about:
        'Address of the control plane; the address of the WebSocket is derived from it. Plain http:// only on loopback.',
    }),
    ca_file: path('a PEM file').exactOptional().meta({
      about: 'Certificate authorities to trust besides the public ones, for every client of this program.',
    }),
    proxy: text('an http://, https:// or socks5:// address').exactOptional().meta({
      about: 'Proxy for every outbound connection. Without it HTTPS_PROXY and NO_PROXY of the environment count.',
    }),
    verify_ssl: yesNo
      .default(true)
      .meta({ about: 'Check the TLS certificate of the control plane. Off is for tests and is reported loudly.' }),
    reconnect_seconds: whole('a whole number from 1 to 600', 1, 600).default(60).meta({
      about:
        'Longest time between two attempts to reach the control plane. Each wait is drawn at random from a window that grows up to this.',
    }),
  },
  'url, ca_file, proxy, verify_ssl, reconnect_seconds',
);

const referenceValue = mapping(
  {
    name: text('a name of letters, digits and underscores that starts with no digit', /^[A-Za-z_]\w{0,63}$/).meta({
      about: 'Name under which templates read the value.',
    }),
    value: z
      .string({ error: 'text (put numbers in quotes)' })
      .max(65_536, { error: 'at most 65,536 characters' })
      .exactOptional()
      .meta({ about: 'The value itself. Either this or `value_file`.' }),
    value_file: path('a file')
      .exactOptional()
      .meta({ about: 'File that holds the value; one line end at its end is dropped.' }),
    kind: choice('text', 'password').exactOptional().meta({
      about: 'A `password` can be used in the fields of the connection only, never in the inputs of a job.',
      defaultText: '`text` with `value`, `password` with `value_file`',
    }),
  },
  'name, value or value_file, kind',
);

const credentials = mapping(
  {
    access_key_file: path('a file')
      .exactOptional()
      .meta({ about: 'File with the access key id. Secret files must be readable by their owner only.' }),
    secret_key_file: path('a file').exactOptional().meta({ about: 'File with the secret access key.' }),
    session_token_file: path('a file')
      .exactOptional()
      .meta({ about: 'File with the session token of temporary credentials.' }),
    source: z.literal('default', { error: 'default' }).exactOptional().meta({
      about:
        '`default`: the AWS default chain (environment, shared files, container and instance roles), in its own order.',
    }),
    profile: text('the name of a profile')
      .exactOptional()
      .meta({ about: 'A profile of the shared AWS configuration.' }),
    process: list(text('text'), 'a list: the command and its arguments', 64)
      .min(1, { error: 'a list: the command and its arguments' })
      .exactOptional()
      .meta({
        about:
          'A command that prints credentials as AWS defines for `credential_process`. It is run without a shell and sees PATH, HOME, the proxy variables and the names of the shared AWS files only.',
      }),
  },
  'access_key_file and secret_key_file, or source: default, or profile, or process',
);

const endpoints = mapping(
  {
    iam: template('an http(s) address')
      .exactOptional()
      .meta({ about: 'Address of IAM.', defaultText: '`AWS_ENDPOINT_URL_IAM`, else the address of AWS' }),
    sts: template('an http(s) address')
      .exactOptional()
      .meta({ about: 'Address of STS.', defaultText: '`AWS_ENDPOINT_URL_STS`, else the address of AWS' }),
  },
  'iam, sts',
);

const limits = mapping(
  {
    calls_per_second: number('a number from 0.01 to 100000', 0.01, 100_000)
      .default(5)
      .meta({ about: 'Calls a second at the start; the rate is learned from there.' }),
    max_calls_per_second: number('a number from 0.01 to 100000', 0.01, 100_000).exactOptional().meta({
      about: 'Calls a second that the learned rate never passes.',
      defaultText: '20, or `calls_per_second` when that is more',
    }),
    burst: whole('a whole number from 1 to 100000', 1, 100_000)
      .default(10)
      .meta({ about: 'Calls that may start at once after a pause.' }),
    in_flight: whole('a whole number from 1 to 64', 1, 64).default(4).meta({ about: 'Calls under way at once.' }),
  },
  'calls_per_second, max_calls_per_second, burst, in_flight',
);

const deliver = mapping(
  {
    mode: choice('clear', 'sealed', 'local').default('clear').meta({
      about: 'How new secrets in results travel. This version knows `clear` only: the control plane sees them.',
    }),
    recipients_file: path('a file').exactOptional().meta({ about: 'For `sealed`; not yet supported.' }),
    directory: path('a directory').exactOptional().meta({ about: 'For `local`; not yet supported.' }),
    owner: text('the name of a user').exactOptional().meta({ about: 'For `local`; not yet supported.' }),
  },
  'mode',
);

const allowEntry = text(
  'an access level (list, read, write, permissions, tagging), the name of an action, or a glob',
  /^[a-z0-9_*?]{1,128}$/,
);

export const connectionSchema = mapping(
  {
    label: text(
      '1 to 64 letters, digits, spaces, dots, dashes and underscores',
      /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/,
    ).meta({
      about: 'Name of the connection; jobs name it.',
    }),
    region: template('the name of an AWS region')
      .default('us-east-1')
      .meta({ about: 'AWS region; it also decides the partition.' }),
    verify_ssl: yesNo
      .default(true)
      .meta({ about: "Check the TLS certificates of this connection's endpoints. Off is reported loudly." }),
    ca_file: path('a PEM file')
      .exactOptional()
      .meta({ about: 'As under `control_plane`, for this connection only.', defaultText: '`control_plane.ca_file`' }),
    proxy: template('an http://, https:// or socks5:// address').exactOptional().meta({
      about: 'As under `control_plane`, for this connection only.',
      defaultText: '`control_plane.proxy`',
    }),
    reference_values: list(referenceValue, 'a list of reference values', 200).default([]).meta({
      about: 'Values for templates, in the fields of this connection and in the inputs of jobs.',
    }),
    credentials: credentials.default({ source: 'default' }).meta({
      about: "Where the connection's own AWS credentials come from: exactly one of the four forms.",
      defaultText: '`{ source: default }`',
    }),
    role_arn: template('the ARN of a role')
      .exactOptional()
      .meta({ about: 'Role that is assumed for every call of this connection.' }),
    role_external_id: template('an external id').exactOptional().meta({ about: 'External id for assuming roles.' }),
    role_session_name: template('a session name')
      .exactOptional()
      .meta({ about: 'Session name for assuming roles.', defaultText: 'the id of the job' }),
    allowed_role_arns: list(text('the ARN of a role, or a glob over ARNs'), 'a list of role ARNs', 1_000)
      .default([])
      .meta({
        about: 'Roles that the `Role Arn` of a job may name, as globs (`*`, `?`). Empty: none.',
      }),
    allow: list(allowEntry, 'a list of access levels and action names', 1_000)
      .default([...defaultAllow])
      .meta({
        about:
          'What jobs may do: access levels (`list`, `read`, `write`, `permissions`, `tagging`), action names, and globs over names. `"*"` is everything.',
      }),
    endpoints: endpoints.default({}).meta({ about: 'Other addresses of AWS services: VPC endpoints, test servers.' }),
    limits: limits.prefault({}).meta({ about: 'How fast this connection may call AWS.' }),
    read_back_seconds: whole('a whole number of seconds from 0 to 900', 0, 900).default(60).meta({
      about: 'Seconds for which the outcome of a change is looked for when its answer was lost. 0: one look.',
    }),
    deactivate_orphans: yesNo.default(false).meta({
      about:
        'Make an access key or service-specific credential inactive when the answer of the call that made it was lost and exactly one fits. Nothing is deleted.',
    }),
    mark_created: yesNo.default(false).meta({
      about:
        'Add the tag `iam-agent:job` (job id and row) to what jobs create, where AWS takes tags, so that it can be told from what others make when an answer is lost.',
    }),
    deliver: deliver.prefault({}).meta({ about: 'How results with new secrets are delivered.' }),
  },
  'label, region, credentials, allow and others',
);

export const configSchema = mapping(
  {
    control_plane: controlPlaneSchema.meta({ about: 'The side that sends jobs.' }),
    state_dir: path('a directory').default('/var/lib/iam-agent').meta({
      about: 'Directory of identity and journal. One process at a time.',
    }),
    policy_file: path('a file')
      .exactOptional()
      .meta({ about: 'Finer rules on top of each `allow` list. Not yet supported: leave it out.' }),
    connections: list(connectionSchema, 'a list of connections', 200)
      .default([])
      .meta({ about: 'What jobs can be run on.' }),
    log: mapping(
      {
        level: choice(...(eventLevels as ['error', 'warn', 'info', 'debug']))
          .default('info')
          .meta({ about: 'Lowest level that is printed: `error`, `warn`, `info` or `debug`.' }),
        format: choice('json', 'human', 'auto')
          .default('auto')
          .meta({ about: '`auto` is `human` on a terminal and `json` elsewhere.' }),
      },
      'level, format',
    )
      .prefault({})
      .meta({ about: 'Log lines, on standard output.' }),
    retention: mapping(
      {
        results_days: whole('a whole number of days from 0 to 3650', 0, 3_650).default(7).meta({
          about: 'Days for which results of mutating calls stay on the host after the control plane acknowledged them.',
        }),
        jobs_days: whole('a whole number of days from 1 to 3650', 1, 3_650).default(30).meta({
          about: 'Days for which a finished job stays in the journal.',
        }),
      },
      'results_days, jobs_days',
    )
      .prefault({})
      .meta({ about: 'How long the host keeps what is done.' }),
    spool_quota_mib: whole('a whole number of MiB from 16 to 1048576', 16, 1_048_576).default(1_024).meta({
      about:
        'MiB of disk for results. When those that are not acknowledged fill it, no row is started; delivered ones that are kept go first.',
    }),
    drain_seconds: whole('a whole number of seconds from 0 to 3600', 0, 3_600).default(30).meta({
      about:
        'Seconds within which calls under way may end and results be acknowledged after SIGTERM. Keep it below TimeoutStopSec of the unit.',
    }),
  },
  'control_plane, state_dir, connections and others',
);

export type ConfigFile = z.infer<typeof configSchema>;
export type ControlPlaneFile = ConfigFile['control_plane'];
export type ConnectionFile = ConfigFile['connections'][number];
