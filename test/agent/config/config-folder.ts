// A folder with a configuration and its files, for the tests of the configuration.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AgentConfig, loadConfig } from '../../../agent/config/load-config.ts';
import {
  type ConfigProblem,
  type ConfigProblems,
  formatProblems,
  isConfigProblems,
} from '../../../agent/config/problem.ts';

export const base = 'control_plane: { url: https://soar.example.com }\n';
export const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

/** A configuration with one connection that has these lines. */
export function connection(lines: string): string {
  const indented = lines.split('\n').map((line) => `    ${line}\n`);
  return `${base}connections:\n  - label: prod\n${indented.join('')}`;
}

export class ConfigFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'config '));

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  put(name: string, content: string, mode = 0o600): void {
    writeFileSync(join(this.path, name), content);
    chmodSync(join(this.path, name), mode);
  }

  load(text: string, mode = 0o644): Promise<AgentConfig | ConfigProblems> {
    this.put('config.yaml', text, mode);
    return loadConfig(join(this.path, 'config.yaml'));
  }

  async good(text: string): Promise<AgentConfig> {
    const config = await this.load(text);
    if (isConfigProblems(config)) throw new Error(formatProblems(config));
    return config;
  }

  async bad(text: string, mode = 0o644): Promise<readonly ConfigProblem[]> {
    const config = await this.load(text, mode);
    if (!isConfigProblems(config)) throw new Error('expected problems');
    expect(config.problems).not.to.deep.equal([]);
    for (const { file, line, column, expected, found, remedy } of config.problems) {
      expect(file).to.equal(join(this.path, 'config.yaml'));
      expect(Number.isSafeInteger(line) && Number.isSafeInteger(column)).to.equal(true);
      for (const said of [expected, found, remedy]) expect(said).to.match(/^[^\n]{2,}$/);
    }
    return config.problems;
  }
}
