// What the checks of one configuration write to: problems with their place, warnings, and the folder that relative paths start from.
import { isAbsolute, join } from 'node:path';
import { readFileSync, statSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { checkSecretFile, type SecretFileError } from '../io/keys-file.ts';
import { type ConfigProblem, type KeyPath, keyText } from './problem.ts';
import type { YamlFile } from './read-yaml.ts';
import { describe, withoutUserInfo } from './schema-problems.ts';

const maxCaFileBytes = 4 * 1024 * 1024;

export class Findings {
  readonly problems: Omit<ConfigProblem, 'file'>[] = [];
  readonly warnings: { readonly kind: WarningKind; readonly text: string; readonly connection?: string }[] = [];
  readonly #yaml: YamlFile;
  readonly #folder: string;
  constructor(yaml: YamlFile, folder: string) {
    this.#yaml = yaml;
    this.#folder = folder;
  }

  problem(path: KeyPath, expected: string, found: string, remedy: string): void {
    const place = this.#yaml.place(path);
    this.problems.push({ code: 'configuration_invalid', ...place, key: keyText(path), expected, found, remedy });
  }

  unsupported(path: KeyPath, found: string, keep: string): void {
    this.problem(path, keep, found, 'not yet supported by this version: the agent refuses it rather than ignore it');
  }

  warn(kind: WarningKind, text: string, connection?: string): void {
    this.warnings.push({ kind, text, ...(connection === undefined ? {} : { connection }) });
  }

  resolve(path: string): string {
    return isAbsolute(path) ? path : join(this.#folder, path);
  }

  secretFault(path: KeyPath, fault: SecretFileError): void {
    const place = this.#yaml.place(path);
    const code = fault.fault === 'exposed' ? 'secret_file_exposed' : 'configuration_invalid';
    const expected = 'a secret file that only its owner can read';
    const found = `${fault.path}: ${fault.found}`;
    this.problems.push({ code, ...place, key: keyText(path), expected, found, remedy: fault.remedy });
  }

  async secretFile(path: KeyPath, name: string): Promise<string> {
    const file = this.resolve(name);
    const fault = await checkSecretFile(file);
    if (fault !== null) this.secretFault(path, fault);
    return file;
  }

  /** A file of PEM certificates. */
  async caFile(path: KeyPath, name: string): Promise<string> {
    const file = this.resolve(name);
    const expected = 'a PEM file with at least one certificate';
    try {
      if (statSync(file).size > maxCaFileBytes) this.problem(path, expected, `${file}: too large`, 'name another file');
      else {
        const blocks = readFileSync(file, 'latin1').match(pemBlock) ?? [];
        for (const block of blocks) if (new X509Certificate(block).subject === undefined) throw new Error('no subject');
        if (blocks.length === 0) this.problem(path, expected, `${file}: no certificate in it`, 'name the PEM file');
      }
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : 'not readable';
      const found = reason === 'ENOENT' ? 'there is no such file' : `it cannot be used (${reason})`;
      this.problem(path, expected, `${file}: ${found}`, 'name a PEM file that the agent can read');
    }
    return file;
  }

  /** An address with one of the schemes, without query and fragment. Returns it as a URL, or null after a problem. */
  address(path: KeyPath, text: string, rule: AddressRule): URL | null {
    const expected = `an address that starts with ${rule.schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
    const found = rule.shown === undefined ? describe(withoutUserInfo(text), path) : `the template ${rule.shown}`;
    const url = URL.parse(text);
    if (url === null || !rule.schemes.includes(url.protocol.slice(0, -1)) || url.hostname === '') {
      this.problem(path, expected, found, 'correct the address');
      return null;
    }
    if (url.search !== '' || url.hash !== '' || (!rule.userInfo && (url.username !== '' || url.password !== ''))) {
      const parts = rule.userInfo ? 'query and fragment' : 'user, query and fragment';
      this.problem(path, `an address without ${parts}`, found, 'remove that part');
      return null;
    }
    return url;
  }
}

export type WarningKind = 'verify_ssl_off' | 'plain_http' | 'no_connections';

export interface AddressRule {
  readonly schemes: readonly string[];
  /** User and password may stand in it. */
  readonly userInfo: boolean;
  /** Set when the address holds a secret: what is shown instead of it. */
  readonly shown?: string | undefined;
}

export const proxyRule: AddressRule = { schemes: ['http', 'https', 'socks', 'socks4', 'socks5'], userInfo: true };

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** True for the addresses of this host itself. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
