import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { type AgentConfig, loadConfig } from '../../../agent/config/load-config.ts';
import { type ConfigProblem, formatProblems, isConfigProblems } from '../../../agent/config/problem.ts';

const base = 'control_plane: { url: https://soar.example.com }\n';
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

describe('the configuration', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'config '));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function put(name: string, content: string | Buffer, mode = 0o600): string {
    writeFileSync(join(folder, name), content);
    chmodSync(join(folder, name), mode);
    return join(folder, name);
  }

  const load = (text: string | Buffer, mode = 0o644) => loadConfig(put('config.yaml', text, mode));

  async function good(text: string): Promise<AgentConfig> {
    const config = await load(text);
    if (isConfigProblems(config)) throw new Error(formatProblems(config));
    return config;
  }

  async function bad(text: string | Buffer, mode = 0o644): Promise<readonly ConfigProblem[]> {
    const config = await load(text, mode);
    if (!isConfigProblems(config)) throw new Error('expected problems');
    expect(config.problems).not.to.deep.equal([]);
    for (const { file, line, column, expected, found, remedy } of config.problems) {
      expect(file).to.equal(join(folder, 'config.yaml'));
      expect(Number.isSafeInteger(line) && Number.isSafeInteger(column)).to.equal(true);
      for (const text of [expected, found, remedy]) expect(text).to.match(/^[^\n]{2,}$/);
    }
    return config.problems;
  }

  const connection = (lines: string): string =>
    `${base}connections:\n  - label: prod\n${lines
      .split('\n')
      .map((line) => `    ${line}`)
      .join('\n')}\n`;

  describe('what it gives', () => {
    it('has every default', async () => {
      const config = await good(connection('allow: [list, read]'));
      expect(config).to.deep.equal({
        kind: 'config',
        file: join(folder, 'config.yaml'),
        controlPlane: { url: 'https://soar.example.com', verifySsl: true },
        stateDir: '/var/lib/iam-agent',
        connections: [
          {
            label: 'prod',
            region: 'us-east-1',
            verifySsl: true,
            referenceValues: [],
            credentials: { kind: 'default' },
            allowedRoleArns: [],
            allow: ['list', 'read'],
            endpoints: {},
            limits: { callsPerSecond: 5, maxCallsPerSecond: 20, burst: 10, inFlight: 4 },
            readBackSeconds: 60,
          },
        ],
        log: { level: 'info', format: 'auto' },
        retention: { resultsDays: 7, jobsDays: 30, auditDays: 365 },
        spoolQuotaBytes: 1024 ** 3,
        drainMs: 30_000,
        warnings: [],
      });
    });

    it('renders fields with reference values, passwords too, and reads values from files', async () => {
      put('external', `${secret}\n`);
      put('plain', 'eu-west-1\n', 0o644);
      const config = await good(
        connection(
          `reference_values:
  - { name: partition, value: aws-us-gov }
  - { name: external_id, value_file: external }
  - { name: where, value_file: plain, kind: text }
region: '{{ where }}'
role_arn: arn:{{ partition }}:iam::123456789012:role/agent
role_external_id: "{{ external_id }}"
role_session_name: "{{ partition|upper }}-x"
endpoints: { iam: "http://127.0.0.1:5000/{{ partition }}" }`,
        ),
      );
      const [only] = config.connections;
      expect(only).to.deep.include({
        region: 'eu-west-1',
        roleArn: 'arn:aws-us-gov:iam::123456789012:role/agent',
        roleExternalId: secret,
        roleSessionName: 'AWS-US-GOV-x',
        endpoints: { iam: 'http://127.0.0.1:5000/aws-us-gov' },
        referenceValues: [
          { name: 'partition', value: 'aws-us-gov', kind: 'text' },
          { name: 'external_id', value: secret, kind: 'password' },
          { name: 'where', value: 'eu-west-1', kind: 'text' },
        ],
      });
    });

    it('takes each of the four kinds of credentials', async () => {
      for (const name of ['a', 's', 't']) put(name, 'x');
      const sourceOf = async (text: string) =>
        (await good(connection(`credentials: ${text}`))).connections[0]?.credentials;
      expect(await sourceOf('{ source: default }')).to.deep.equal({ kind: 'default' });
      expect(await sourceOf('{ profile: audit }')).to.deep.equal({ kind: 'profile', profile: 'audit' });
      expect(await sourceOf('{ process: [/bin/print, a b] }')).to.deep.equal({
        kind: 'process',
        command: ['/bin/print', 'a b'],
      });
      const files = { kind: 'files', accessKeyFile: join(folder, 'a'), secretKeyFile: join(folder, 's') };
      expect(await sourceOf('{ access_key_file: a, secret_key_file: s }')).to.deep.equal(files);
      expect(await sourceOf('{ access_key_file: a, secret_key_file: s, session_token_file: t }')).to.deep.equal({
        ...files,
        sessionTokenFile: join(folder, 't'),
      });
    });

    it('resolves paths from the folder of the file, and hands proxy and CA of the control plane on', async () => {
      put('ca.pem', rootCertificates[0] ?? '');
      put('aws.pem', `${rootCertificates[0]}\n${rootCertificates[1]}\n`);
      const config = await good(
        `control_plane: { url: "https://soar.example.com/x", ca_file: ca.pem, proxy: "http://u:p@proxy.example.com:3128" }
state_dir: state
connections: [{ label: one }, { label: two, ca_file: aws.pem, proxy: "socks5://127.0.0.1:1080" }]\n`,
      );
      expect(config.stateDir).to.equal(join(folder, 'state'));
      expect(config.controlPlane.caFile).to.equal(join(folder, 'ca.pem'));
      const [one, two] = config.connections;
      expect(one).to.include({ caFile: join(folder, 'ca.pem'), proxy: 'http://u:p@proxy.example.com:3128' });
      expect(two).to.include({ caFile: join(folder, 'aws.pem'), proxy: 'socks5://127.0.0.1:1080' });
    });

    it('warns loudly of what is allowed and dangerous', async () => {
      const config = await good(`control_plane: { url: "http://127.0.0.1:8443", verify_ssl: false }
connections: [{ label: prod, verify_ssl: false, endpoints: { iam: "http://moto.example.com" } }]\n`);
      expect(config.warnings.map(({ kind, connection }) => [kind, connection])).to.deep.equal([
        ['verify_ssl_off', undefined],
        ['plain_http', 'prod'],
        ['verify_ssl_off', 'prod'],
      ]);
      expect((await good(base)).warnings.map(({ kind }) => kind)).to.deep.equal(['no_connections']);
    });

    it('raises the highest rate with the first one', async () => {
      const config = await good(connection('limits: { calls_per_second: 50 }'));
      expect(config.connections[0]?.limits).to.deep.include({ callsPerSecond: 50, maxCallsPerSecond: 50 });
    });

    it('knows the regions of all partitions', async () => {
      for (const region of [
        'us-east-1',
        'ap-southeast-4',
        'us-gov-west-1',
        'cn-north-1',
        'us-isob-east-1',
        'eusc-de-east-1',
        'mx-central-1',
        'il-central-1',
        'aws-global',
        'aws-us-gov-global',
      ])
        expect((await good(connection(`region: ${region}`))).connections[0]?.region).to.equal(region);
    });
  });

  describe('what it refuses', () => {
    it('reports all problems at once, in the order of the file, each with its place', async () => {
      const problems = await bad(`control_plane:
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
      const remedyFor = async (key: string): Promise<string> => (await bad(connection(`${key}: x`)))[0]?.remedy ?? '';
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
      const [missing] = await bad(
        'connections:\n  - region: us-east-1\ncontrol_plane:\n  url: https://a.example.com\n',
      );
      expect(missing).to.include({ line: 2, key: 'connections[0].label', found: 'nothing: the key is missing' });
      const [empty] = await bad('control_plane:\n  url:\n');
      expect(empty).to.include({ line: 2, key: 'control_plane.url', found: 'a key without a value' });
      const [none] = await bad('connections: []\n');
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
      ['orphans to deactivate', 'deactivate_orphans: true', 'deactivate_orphans', 'true'],
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
        const problems = await bad(connection(lines));
        expect(problems.length).to.equal(1);
        expect(problems[0]?.key).to.equal(`connections[0].${key}`);
        expect(problems[0]?.found).to.include(found);
      });

    it('refuses plain http beyond the host, a policy file, a user in an address, and a label twice', async () => {
      const [plain] = await bad('control_plane: { url: "http://soar.example.com" }\n');
      expect(plain).to.deep.include({ key: 'control_plane.url', remedy: 'use the https:// address' });
      const [policy] = await bad(`${base}policy_file: /etc/iam-agent/policy.cedar\n`);
      expect(policy?.key).to.equal('policy_file');
      expect(policy?.remedy).to.include('not yet supported');
      const [user] = await bad(`control_plane: { url: "https://me:${encodeURIComponent(secret)}@soar.example.com" }\n`);
      expect(user?.found).not.to.include('wJalr').and.not.to.include('me:');
      const [twice] = await bad(`${base}connections: [{ label: a }, { label: a }]\n`);
      expect(twice?.key).to.equal('connections[1].label');
    });

    it('refuses secret files that others can read, with the command', async () => {
      for (const name of ['a', 's']) put(name, secret, 0o644);
      put('p', secret, 0o640);
      const problems = await bad(
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
      expect(isConfigProblems(await load(text, 0o600))).to.equal(false);
      const [problem] = await bad(text, 0o640);
      expect(problem?.code).to.equal('secret_file_exposed');
    });

    it('refuses a CA file without a certificate or with a broken one', async () => {
      put('empty.pem', 'nothing\n');
      put('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
      mkdirSync(join(folder, 'folder.pem'));
      for (const name of ['empty.pem', 'broken.pem', 'folder.pem']) {
        const [problem] = await bad(`control_plane: { url: "https://a.example.com", ca_file: ${name} }\n`);
        expect(problem?.key, name).to.equal('control_plane.ca_file');
      }
    });
  });

  describe('what it never shows', () => {
    it('is a password that a template rendered into a wrong value', async () => {
      put('p', secret);
      for (const field of ['region', 'role_arn', 'role_session_name', 'proxy', 'endpoints']) {
        const value =
          field === 'endpoints' ? '{ iam: "{{ p }}", sts: "https://{{ p|int }}.example.com/?x" }' : '"{{ p }}"';
        const problems = await bad(connection(`reference_values: [{ name: p, value_file: p }]\n${field}: ${value}`));
        expect(JSON.stringify(problems), field).not.to.include('wJalr');
      }
    });

    it('is a value or argument of the wrong kind, or a secret under a wrong key', async () => {
      const texts = [
        connection('reference_values: [{ name: p, value: 123456789, kind: password }]'),
        connection(`credentials: { secret_key: ${secret} }`),
        connection(`credentials: ${secret}`),
        connection(`credentials: { profile: [${secret}], source: ${secret.length} }`),
        connection(`reference_values: ${secret}`),
        connection(`credentials: { process: [print, { key: ${secret} }, "${secret}\\u0007"] }`),
        connection(`reference_values: [{ name: p, value: "${secret}", value_file: x }]`),
        connection(`reference_values: "${secret}`),
        `${connection(`reference_values: [{ name: p, value: ${secret} }]`)}]${secret}\n`,
        `${base}proxy: "http://u:${secret}@x"\n`,
        `control_plane: { url: "https://a.example.com", proxy: "ftp://u:${secret}@x/" }\n`,
        `${secret}\n`,
        `*${secret}\n`,
        `a: !${secret} x\n`,
      ];
      for (const text of texts) {
        const shown = formatProblems({ kind: 'config_problems', file: 'f', problems: await bad(text) });
        expect(shown, text).not.to.include('wJalr').and.not.to.include('123456789');
      }
    });
  });

  it('prints problems as blocks of file, line, column, key, expected, found and remedy', async () => {
    const config = await load('control_plane:\n  url: 5\n');
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
