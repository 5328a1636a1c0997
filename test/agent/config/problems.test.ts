import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatProblems, isConfigProblems } from '../../../agent/config/problem.ts';
import { base, ConfigFolder, connection, secret } from './config-folder.ts';

describe('a configuration with problems', () => {
  let folder: ConfigFolder;
  beforeEach(() => {
    folder = new ConfigFolder();
  });
  afterEach(() => folder.remove());

  it('reports all problems at once, in the order of the file, each with its place', async () => {
    const problems = await folder.bad(`control_plane:
  url: ftp://soar.example.com
  verify_sll: true
connections:
  - label: prod
    region: Virginia
    regoin: us-east-1
  - region: moon
    label: two
    role_arn: arn:{{ nobody }}:x
    limits:
      burst: many
  - label: three
    role_arn: arn:aws:iam::1:role/x
log: { level: loud }
`);
    expect(problems.map(({ line, column, key }) => [line, column, key])).to.deep.equal([
      [3, 3, 'control_plane.verify_sll'],
      [7, 5, 'connections[0].regoin'],
      [12, 7, 'connections[1].limits.burst'],
      [14, 5, 'connections[2].role_arn'],
      [15, 8, 'log.level'],
    ]);
    const [sll, regoin] = problems;
    expect(sll?.remedy).to.equal('did you mean verify_ssl?');
    expect(regoin?.remedy).to.equal('did you mean region?');
  });

  it('finds the key that was meant, and says nothing where none is near', async () => {
    const remedyFor = async (key: string): Promise<string> =>
      (await folder.bad(connection(`${key}: x`)))[0]?.remedy ?? '';
    for (const [wrong, right] of [
      ['verifySsl', 'verify_ssl'],
      ['allowed-role-arns', 'allowed_role_arns'],
      ['credential', 'credentials'],
      ['Endpoint', 'endpoints'],
      ['referenceValues', 'reference_values'],
    ])
      expect(await remedyFor(wrong ?? '')).to.equal(`did you mean ${right}?`);
    expect(await remedyFor('banana')).not.to.include('did you mean');
  });

  it('names the place of a missing key and a key without a value', async () => {
    const [missing] = await folder.bad(
      'connections:\n  - region: us-east-1\ncontrol_plane:\n  url: https://a.example.com\n',
    );
    expect(missing).to.include({ line: 2, key: 'connections[0].label', found: 'nothing: the key is missing' });
    const [empty] = await folder.bad('control_plane:\n  url:\n');
    expect(empty).to.include({ line: 2, key: 'control_plane.url', found: 'a key without a value' });
    const [none] = await folder.bad('connections: []\n');
    expect(none).to.include({ key: 'control_plane', remedy: 'add the key control_plane' });
  });

  for (const [name, lines, key, found] of [
    ['a region of another form', 'region: us-east', 'region', 'us-east'],
    ['a region in capitals', 'region: US-EAST-1', 'region', 'US-EAST-1'],
    ['a role of another form', 'role_arn: arn:aws:iam::123:role/x', 'role_arn', '123'],
    ['a template with an unknown name', 'role_arn: "{{ nobody }}"', 'role_arn', 'template_undefined'],
    ['a template that does not parse', 'role_external_id: "{{ a"', 'role_external_id', 'template_syntax'],
    ['a template without end', 'role_external_id: "{{ \'a\' * 10 ** 9 }}"', 'role_external_id', 'template_budget'],
    ['an endpoint that is no address', 'endpoints: { iam: localhost:5000 }', 'endpoints.iam', 'localhost'],
    ['an endpoint with a query', 'endpoints: { sts: "https://sts.example.com/?a=1" }', 'endpoints.sts', '?a=1'],
    ['a proxy of another scheme', 'proxy: ftp://a.example.com', 'proxy', 'ftp'],
    ['an allow entry that is no name', 'allow: [list users]', 'allow[0]', 'list users'],
    [
      'a highest rate below the first',
      'limits: { calls_per_second: 9, max_calls_per_second: 2 }',
      'limits.max_calls_per_second',
      '2',
    ],
    ['a number that is text', 'read_back_seconds: "60"', 'read_back_seconds', 'the text'],
    ['a number that is infinite', 'limits: { calls_per_second: .inf }', 'limits.calls_per_second', 'number'],
    ['two kinds of credentials', 'credentials: { source: default, profile: x }', 'credentials', '2 of them'],
    ['no kind of credentials', 'credentials: {}', 'credentials', 'none of them'],
    ['a half pair of files', 'credentials: { access_key_file: none }', 'credentials', 'no secret_key_file'],
    ['orphans that may be deactivated', 'deactivate_orphans: maybe', 'deactivate_orphans', 'maybe'],
    ['a mark that is no yes or no', 'mark_created: "yes"', 'mark_created', 'yes'],
    ['sealed delivery', 'deliver: { mode: sealed }', 'deliver.mode', 'sealed'],
    ['local delivery', 'deliver: { mode: clear, directory: /x }', 'deliver.directory', 'directory'],
    ['a reference value named row', 'reference_values: [{ name: row, value: x }]', 'reference_values[0].name', 'row'],
    [
      'a reference value twice',
      'reference_values: [{ name: a, value: x }, { name: a, value: y }]',
      'reference_values[1].name',
      'a second a',
    ],
    ['a reference value without value', 'reference_values: [{ name: a }]', 'reference_values[0]', 'neither'],
    [
      'a reference value with two',
      'reference_values: [{ name: a, value: x, value_file: y }]',
      'reference_values[0]',
      'both',
    ],
    [
      'a name that no template can read',
      'reference_values: [{ name: a-b, value: x }]',
      'reference_values[0].name',
      'a-b',
    ],
    [
      'a file that is absent',
      'reference_values: [{ name: a, value_file: absent }]',
      'reference_values[0].value_file',
      'no such file',
    ],
    ['a CA file that is absent', 'ca_file: absent.pem', 'ca_file', 'no such file'],
    ['a control character in a text', 'role_session_name: "a\\u0000b"', 'role_session_name', 'text'],
  ] as const)
    it(`refuses ${name}`, async () => {
      const problems = await folder.bad(connection(lines));
      expect(problems.length).to.equal(1);
      expect(problems[0]?.key).to.equal(`connections[0].${key}`);
      expect(problems[0]?.found).to.include(found);
    });

  it('refuses plain http beyond the host, a policy file, a user in an address, and a label twice', async () => {
    const [plain] = await folder.bad('control_plane: { url: "http://soar.example.com" }\n');
    expect(plain).to.deep.include({ key: 'control_plane.url', remedy: 'use the https:// address' });
    const [policy] = await folder.bad(`${base}policy_file: /etc/iam-agent/policy.cedar\n`);
    expect(policy?.key).to.equal('policy_file');
    expect(policy?.remedy).to.include('not yet supported');
    const [user] = await folder.bad(
      `control_plane: { url: "https://me:${encodeURIComponent(secret)}@soar.example.com" }\n`,
    );
    expect(user?.found).not.to.include('wJalr').and.not.to.include('me:');
    const [twice] = await folder.bad(`${base}connections: [{ label: a }, { label: a }]\n`);
    expect(twice?.key).to.equal('connections[1].label');
  });

  it('refuses secret files that others can read, with the command', async () => {
    for (const name of ['a', 's']) folder.put(name, secret, 0o644);
    folder.put('p', secret, 0o640);
    const problems = await folder.bad(
      connection(
        'credentials: { access_key_file: a, secret_key_file: s }\nreference_values: [{ name: x, value_file: p }]',
      ),
    );
    expect(problems.map(({ code }) => code)).to.deep.equal([
      'secret_file_exposed',
      'secret_file_exposed',
      'secret_file_exposed',
    ]);
    for (const { remedy } of problems) expect(remedy).to.include('chmod 600');
    expect(JSON.stringify(problems)).not.to.include(secret);
  });

  it('asks the same of the configuration itself when it holds a password', async () => {
    const text = connection(`reference_values: [{ name: x, value: ${secret}, kind: password }]`);
    expect(isConfigProblems(await folder.load(text, 0o600))).to.equal(false);
    const [problem] = await folder.bad(text, 0o640);
    expect(problem?.code).to.equal('secret_file_exposed');
  });

  it('refuses a CA file without a certificate or with a broken one', async () => {
    folder.put('empty.pem', 'nothing\n');
    folder.put('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    mkdirSync(join(folder.path, 'folder.pem'));
    for (const name of ['empty.pem', 'broken.pem', 'folder.pem']) {
      const [problem] = await folder.bad(`control_plane: { url: "https://a.example.com", ca_file: ${name} }\n`);
      expect(problem?.key, name).to.equal('control_plane.ca_file');
    }
  });

  it('prints problems as blocks of file, line, column, key, expected, found and remedy', async () => {
    const config = await folder.load('control_plane:\n  url: 5\n');
    if (!isConfigProblems(config)) throw new Error('expected problems');
    expect(formatProblems(config)).to.equal(
      `${config.file}:2:3: control_plane.url
  expected  an https:// address
  found     the number 5
  to do     correct the value
1 problem in ${config.file}; nothing was started\n`,
    );
  });
});
