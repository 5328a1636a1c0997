// Whatever the file holds: problems or a configuration, never an exception, and never for long.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { loadConfig } from '../../../agent/config/load-config.ts';
import { type ConfigProblems, formatProblems, isConfigProblems } from '../../../agent/config/problem.ts';
import { readYaml } from '../../../agent/config/read-yaml.ts';

const base = 'control_plane: { url: https://soar.example.com }\n';

const bomb = `a: &a [x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]
f: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n`;

const hostile: readonly (readonly [string, string | Buffer, string])[] = [
  ['an empty file', '', 'an empty file'],
  ['only a comment', '# nothing\n', 'an empty file'],
  ['null', '~\n', 'an empty file'],
  ['a text', 'hello\n', 'a text of 5 characters'],
  ['a list', '- control_plane\n', 'a list of 1'],
  ['an alias bomb', bomb, 'alias'],
  ['an alias to itself', 'control_plane: &a { url: *a }\n', 'alias'],
  ['an alias to nothing', 'control_plane: *nothing\n', 'alias'],
  ['a merge key', `x: &x { url: "https://a.example.com" }\ncontrol_plane: { <<: *x }\n`, 'alias'],
  ['a key twice', `${base}log: { level: info }\nlog: { level: warn }\n`, 'twice'],
  ['a nested key twice', 'control_plane:\n  url: https://a.example.com\n  url: https://b.example.com\n', 'twice'],
  ['a tab as indent', 'control_plane:\n\turl: https://a.example.com\n', 'tab'],
  ['a bad indent', 'control_plane:\n    url: https://a.example.com\n  verify_ssl: true\n', 'indent'],
  ['an open quote', `${base}state_dir: "/var\n`, 'not closed'],
  ['an open bracket', `${base}connections: [\n`, 'not closed'],
  ['a second document', `${base}---\nlog: {}\n`, 'second'],
  ['a tag', `${base}state_dir: !!js/function "x"\n`, 'tag'],
  ['a binary tag', `${base}state_dir: !!binary aGVsbG8=\n`, 'tag'],
  ['an unquoted template', `${base}connections: [{ label: a, role_arn: {{ x }} }]\n`, 'key of another kind'],
  ['a key that is a list', `${base}? [a, b]\n: x\n`, 'key of another kind'],
  ['a key that is a number', `${base}5: x\n`, 'key of another kind'],
  ['the key __proto__', `${base}__proto__: { policy_file: x }\n`, 'not known'],
  [
    'the key __proto__ below',
    'control_plane: { url: "https://a.example.com", __proto__: { verify_ssl: false } }\n',
    'not known',
  ],
  ['the key constructor', `${base}constructor: { prototype: { x: 1 } }\n`, 'not known'],
  [
    'prototype keys in a connection',
    `${base}connections: [{ label: a, toString: x, hasOwnProperty: y }]\n`,
    'not known',
  ],
  ['deep lists', `${base}connections: ${'['.repeat(2_000)}${']'.repeat(2_000)}\n`, 'more'],
  ['very deep lists', `connections: ${'['.repeat(200_000)}`, ''],
  ['deep mappings', `${Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')}\n`, 'more'],
  ['a huge file', `${base}# ${'x'.repeat(1024 * 1024)}\n`, 'bytes'],
  ['a hundred thousand unknown keys', Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`).join('\n'), ''],
  ['a long key', `${base}${'k'.repeat(900)}: x\n`, 'not known'],
  ['too many connections', `${base}connections: [${'{ label: a },'.repeat(201)}]\n`, 'a list of 201'],
  ['bytes that are no UTF-8', Buffer.from([0x63, 0xff, 0xfe, 0x0a]), 'UTF-8'],
  ['a NUL', 'control_plane: { url: "https://a\u0000.example.com" }\n', ''],
  [
    'wrong types everywhere',
    'control_plane: [1]\nstate_dir: { a: b }\nconnections: yes\nlog: 5\nretention: []\n',
    'a list of 1',
  ],
  ['numbers that are not', `${base}spool_quota_mib: .nan\ndrain_seconds: -1\n`, 'number'],
  ['a huge number', `${base}spool_quota_mib: 1e999\n`, 'number'],
  ['a date', `${base}drain_seconds: 2026-01-01\n`, 'text'],
];

describe('hostile configuration', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hostile-'));
    file = join(folder, 'config.yaml');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function problemsOf(): Promise<ConfigProblems> {
    const config = await loadConfig(file);
    if (!isConfigProblems(config)) throw new Error('expected problems');
    return config;
  }

  for (const [name, text, found] of hostile)
    it(`gives problems for ${name}`, async () => {
      writeFileSync(file, text);
      const start = performance.now();
      const shown = formatProblems(await problemsOf());
      expect(performance.now() - start).to.be.below(8_000);
      expect(shown).to.include(found);
      expect(({} as Record<string, unknown>)['policy_file']).to.equal(undefined);
    });

  it('gives problems for paths that are no file to read', async () => {
    expect(formatProblems(await problemsOf()))
      .to.include('no such file')
      .and.to.include('--config');
    mkdirSync(file);
    expect((await problemsOf()).problems[0]?.expected).to.equal('a regular file');
    rmSync(file, { recursive: true });
    execFileSync('mkfifo', [file]);
    expect((await problemsOf()).problems[0]?.expected).to.equal('a regular file');
    rmSync(file);
    writeFileSync(file, base);
    chmodSync(file, 0o646);
    expect((await problemsOf()).problems[0]?.remedy).to.include('chmod o-w');
  });

  it('limits how many problems of one broken file are listed', async () => {
    writeFileSync(file, '\t: "\n'.repeat(5_000));
    expect((await problemsOf()).problems.length).to.be.at.most(20);
  });

  it('never throws for any text', () => {
    const piece = fc.constantFrom(
      'a',
      'control_plane',
      ':',
      ' ',
      '\n',
      '\n  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '&a',
      '*a',
      '!t',
      '|',
      '>',
      '#',
      '---',
      '%',
      '?',
      '\t',
      '<<',
      '__proto__',
      '1',
      '~',
      '\u0000',
      '\ud800',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
        ),
        (text) => {
          const read = readYaml(text);
          if (read.kind === 'problems') expect(read.problems.length).to.be.within(1, 20);
          else expect(read.place(['no', 'such', 0])).to.deep.equal({ line: 1, column: 1 });
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
