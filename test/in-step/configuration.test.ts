// config.example.yaml = schema = docs/configuration.md.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { loadConfig } from '../../agent/config/load-config.ts';
import { formatProblems, isConfigProblems } from '../../agent/config/problem.ts';
import { configKeys, configurationDocument } from '../../scripts/check-config-doc.ts';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const example = read('config.example.yaml');
const keys = configKeys();

describe('the configuration in its three places', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'example-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Loads an example with its files in a folder of ours. */
  async function problemsOf(text: string): Promise<string> {
    const credentials = join(folder, 'credentials');
    mkdirSync(credentials, { recursive: true });
    for (const name of ['external_id', 'access_key', 'secret_key', 'session_token'])
      writeFileSync(join(credentials, name), 'example', { mode: 0o600 });
    for (const name of ['ca.pem', 'aws-ca.pem']) writeFileSync(join(folder, name), rootCertificates[0] ?? '');
    const file = join(folder, 'config.yaml');
    const moved = text
      .replaceAll('/run/credentials/iam-agent.service', credentials)
      .replaceAll('/etc/iam-agent', folder);
    writeFileSync(file, moved);
    const config = await loadConfig(file);
    return isConfigProblems(config) ? formatProblems(config) : config.warnings.map(({ text }) => text).join('\n');
  }

  it('has a table in docs/configuration.md that the schema made', async () => {
    const document = read('docs/configuration.md');
    expect(document).to.equal(await configurationDocument(document));
    for (const { path } of keys) expect(document).to.include(`\`${path}\``);
  });

  it('says one sentence about every key', () => {
    expect(keys.length).to.be.above(40);
    for (const { path, about } of keys) expect(about, path).to.match(/^.{10,}\.$/);
  });

  it('has an example that loads without problems or warnings', async () => {
    expect(await problemsOf(example)).to.equal('');
  });

  it('has an example in which every commented setting loads too, or is refused as it says', async () => {
    const settings = example.matchAll(/^( *)# ([a-z_]+): (.+)$/gm);
    const commented = [...settings].filter(([, , name]) => keys.some((key) => key.name === name));
    expect(commented.length).to.be.above(15);
    for (const [line, indent, name, value] of commented) {
      if (name === 'credentials') continue;
      const problems = await problemsOf(example.replace(line, `${indent}${name}: ${value}`));
      if (name === 'policy_file') expect(problems).to.include('not yet supported');
      else expect(problems, line).to.equal('');
    }
    for (const [, , name, value] of commented.filter(([, , name]) => name === 'credentials')) {
      const active = /^ {4}credentials:\n(?: {6}.*\n)+/m;
      expect(example).to.match(active);
      expect(await problemsOf(example.replace(active, `    ${name}: ${value}\n`)), value).to.equal('');
    }
  });

  it('names every key in the example, and every plain default as it is', () => {
    for (const { path, name, default: value } of keys) {
      // Named in the comment on what is not yet supported.
      const line = new RegExp(`^ *(?:# )?(?:- )?(?:\\{ )?${name}:(.*)$`, 'gm');
      if (/deliver\.(recipients_file|directory|owner)$/.test(path)) expect(example, path).to.include(name);
      else {
        const values = [...example.matchAll(line)].map(([, text]) => text?.trim() ?? '');
        const inline = new RegExp(`[{,] ${name}: `).test(example);
        expect(values.length > 0 || inline, path).to.equal(true);
        if (['string', 'number', 'boolean'].includes(typeof value)) expect(values, path).to.include(String(value));
      }
    }
  });
});
