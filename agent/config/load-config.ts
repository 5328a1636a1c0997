// The configuration file to the program's own types, or every problem in it at once. It starts nothing, changes nothing and holds the only
// defaults. What it cannot honour yet it refuses: a setting that is silently ignored would be a promise broken.
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Connection } from '../connection.ts';
import type { EventLevel } from '../events.ts';
import { buildConnection } from './connection-config.ts';
import { Findings, isLoopback, proxyRule, type WarningKind } from './findings.ts';
import type { ConfigProblem, ConfigProblems } from './problem.ts';
import { maxConfigBytes, readYaml, type YamlFile } from './read-yaml.ts';
import {
  type ConfigFile,
  configSchema,
  connectionSchema,
  type ControlPlaneFile,
  controlPlaneSchema,
} from './schema.ts';
import { schemaProblems } from './schema-problems.ts';
import { safeParse } from '../../protocol/safe-parse.ts';

interface ConfigWarning {
  readonly kind: WarningKind;
  /** For people; holds no secret. */
  readonly text: string;
  readonly connection?: string;
}

export interface AgentConfig {
  readonly kind: 'config';
  /** Where it was read from, absolute. */
  readonly file: string;
  readonly controlPlane: {
    readonly url: string;
    readonly caFile?: string;
    readonly proxy?: string;
    readonly verifySsl: boolean;
    readonly reconnectMs: number;
  };
  readonly stateDir: string;
  readonly connections: readonly Connection[];
  readonly log: { readonly level: EventLevel; readonly format: 'json' | 'human' | 'auto' };
  readonly retention: { readonly resultsDays: number; readonly jobsDays: number };
  readonly spoolQuotaBytes: number;
  readonly drainMs: number;
  /** Allowed, but to be said loudly at start and in status. */
  readonly warnings: readonly ConfigWarning[];
}

/** More than anybody mends in one go. */
const maxProblems = 100;

type Found = Omit<ConfigProblem, 'file'>;

/** `connections: false` leaves their files and templates unread; the configuration then has none. */
export async function loadConfig(
  path: string,
  options: { readonly connections: boolean } = { connections: true },
): Promise<AgentConfig | ConfigProblems> {
  const file = resolve(path);
  const failed = (problems: readonly Found[]): ConfigProblems => ({
    kind: 'config_problems',
    file,
    problems: problems
      .map((problem) => ({ ...problem, file }))
      .sort((a, b) => a.line - b.line || a.column - b.column)
      .slice(0, maxProblems),
  });
  const read = readFileText(file);
  if (read.kind === 'problem') return failed([read.problem]);
  const yaml = readYaml(read.text);
  if (yaml.kind === 'problems') return failed(yaml.problems);
  const parsed = safeParse(configSchema, yaml.value);
  const findings = new Findings(yaml, dirname(file));
  if (!parsed.success) findings.problems.push(...schemaProblems(configSchema, yaml, parsed.error.issues));
  // What stands on its own is checked further even when another part is wrong: all problems in one go.
  const controlPlane = await checkControlPlane(yaml, findings);
  const connections = options.connections ? await checkConnections(yaml, controlPlane, read.stats, findings) : [];
  if (parsed.success && parsed.data.policy_file !== undefined)
    findings.unsupported(['policy_file'], 'a policy file', 'no policy_file');
  if (!parsed.success || controlPlane === null || findings.problems.length > 0) return failed(findings.problems);
  if (options.connections && connections.length === 0)
    findings.warn('no_connections', 'no connection is configured: every job will be refused');
  return agentConfig(file, parsed.data, connections, findings);
}

function agentConfig(
  file: string,
  data: ConfigFile,
  connections: readonly Connection[],
  findings: Findings,
): AgentConfig {
  const { url, ca_file, proxy, verify_ssl, reconnect_seconds } = data.control_plane;
  return {
    kind: 'config',
    file,
    controlPlane: {
      url,
      ...(ca_file === undefined ? {} : { caFile: findings.resolve(ca_file) }),
      ...(proxy === undefined ? {} : { proxy }),
      verifySsl: verify_ssl,
      reconnectMs: reconnect_seconds * 1_000,
    },
    stateDir: findings.resolve(data.state_dir),
    connections,
    log: data.log,
    retention: {
      resultsDays: data.retention.results_days,
      jobsDays: data.retention.jobs_days,
    },
    spoolQuotaBytes: data.spool_quota_mib * 1024 * 1024,
    drainMs: data.drain_seconds * 1_000,
    warnings: findings.warnings,
  };
}

async function checkControlPlane(yaml: YamlFile, findings: Findings): Promise<ControlPlaneFile | null> {
  const parsed = safeParse(controlPlaneSchema, member(yaml.value, 'control_plane'));
  if (!parsed.success) return null;
  const { url, ca_file, proxy, verify_ssl } = parsed.data;
  const address = findings.address(['control_plane', 'url'], url, { schemes: ['https', 'http'], userInfo: false });
  if (address?.protocol === 'http:' && !isLoopback(address))
    findings.problem(
      ['control_plane', 'url'],
      'https:// (http:// only on loopback)',
      `the text ${JSON.stringify(url)}`,
      'use the https:// address',
    );
  if (ca_file !== undefined) await findings.caFile(['control_plane', 'ca_file'], ca_file);
  if (proxy !== undefined) findings.address(['control_plane', 'proxy'], proxy, proxyRule);
  if (!verify_ssl)
    findings.warn(
      'verify_ssl_off',
      'control_plane: the TLS certificate is not checked (verify_ssl: false); jobs stay signed, but whoever sits between can read results',
    );
  return parsed.data;
}

async function checkConnections(
  yaml: YamlFile,
  controlPlane: ControlPlaneFile | null,
  stats: Stats,
  findings: Findings,
): Promise<readonly Connection[]> {
  const listed = member(yaml.value, 'connections');
  const built: Connection[] = [];
  const labels = new Set<string>();
  let inlineSecret = false;
  for (const [index, raw] of (Array.isArray(listed) ? listed : []).entries()) {
    const at = ['connections', index];
    const parsed = safeParse(connectionSchema, raw);
    if (!parsed.success) continue;
    const { label, reference_values } = parsed.data;
    if (labels.has(label))
      findings.problem([...at, 'label'], 'every label once', `a second ${label}`, 'rename one of the two');
    labels.add(label);
    inlineSecret ||= reference_values.some((entry) => entry.value !== undefined && entry.kind === 'password');
    const connection = await buildConnection(parsed.data, at, controlPlane ?? {}, findings);
    if (connection !== null) built.push(connection);
  }
  if (inlineSecret && (stats.mode & 0o077) !== 0)
    findings.problems.push({
      code: 'secret_file_exposed',
      ...yaml.place(['connections']),
      key: 'connections',
      expected: 'a configuration that only its owner can read, because it holds a reference value of the password kind',
      found: `mode 0${(stats.mode & 0o777).toString(8)}`,
      remedy: 'run chmod 600 on this file, or move the value to a file of its own (value_file)',
    });
  return built;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

type ReadText =
  | { readonly kind: 'text'; readonly text: string; readonly stats: Stats }
  | { readonly kind: 'problem'; readonly problem: Found };

function readFileText(path: string): ReadText {
  const problem = (expected: string, found: string, remedy: string): ReadText => ({
    kind: 'problem',
    problem: { code: 'configuration_invalid', line: 0, column: 0, key: '', expected, found, remedy },
  });
  try {
    // Without O_NONBLOCK a FIFO would hang the start for ever.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) return problem('a regular file', 'something else', 'name the configuration file');
      if (stats.size > maxConfigBytes)
        return problem(`at most ${maxConfigBytes} bytes`, `${stats.size} bytes`, 'name the configuration file');
      if ((stats.mode & 0o002) !== 0)
        return problem('a file that others cannot change', 'a file that everybody can write to', 'run chmod o-w on it');
      const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
      return { kind: 'text', text, stats };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof TypeError) return problem('UTF-8 text', 'bytes that are no UTF-8', 'save the file as UTF-8');
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return problem('the configuration file', 'no such file', 'create it, or name another one with --config');
    return problem('a readable file', `it cannot be read (${code})`, 'make it readable for the user of the agent');
  }
}
