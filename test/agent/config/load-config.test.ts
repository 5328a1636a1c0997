import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { base, ConfigFolder, connection, secret } from './config-folder.ts';

describe('a configuration that is valid', () => {
  let folder: ConfigFolder;
  beforeEach(() => {
    folder = new ConfigFolder();
  });
  afterEach(() => folder.remove());

  it('has every default', async () => {
    const config = await folder.good(connection('allow: [list, read]'));
    expect(config).to.deep.equal({
      kind: 'config',
      file: join(folder.path, 'config.yaml'),
      controlPlane: { url: 'https://soar.example.com', verifySsl: true, reconnectMs: 60_000 },
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
          deactivateOrphans: false,
          markCreated: false,
        },
      ],
      log: { level: 'info', format: 'auto' },
      retention: { resultsDays: 7, jobsDays: 30 },
      spoolQuotaBytes: 1024 ** 3,
      drainMs: 30_000,
      warnings: [],
    });
  });

  it('renders fields with reference values, passwords too, and reads values from files', async () => {
    folder.put('external', `${secret}\n`);
    folder.put('plain', 'eu-west-1\n', 0o644);
    const config = await folder.good(
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

  it('makes what is created known again, and orphans inactive, when it says so', async () => {
    const config = await folder.good(connection('deactivate_orphans: true\nmark_created: true\nread_back_seconds: 0'));
    expect(config.connections[0]).to.include({ deactivateOrphans: true, markCreated: true, readBackSeconds: 0 });
  });

  it('takes each of the four kinds of credentials', async () => {
    for (const name of ['a', 's', 't']) folder.put(name, 'x');
    const sourceOf = async (text: string) =>
      (await folder.good(connection(`credentials: ${text}`))).connections[0]?.credentials;
    expect(await sourceOf('{ source: default }')).to.deep.equal({ kind: 'default' });
    expect(await sourceOf('{ profile: audit }')).to.deep.equal({ kind: 'profile', profile: 'audit' });
    expect(await sourceOf('{ process: [/bin/print, a b] }')).to.deep.equal({
      kind: 'process',
      command: ['/bin/print', 'a b'],
    });
    const files = { kind: 'files', accessKeyFile: join(folder.path, 'a'), secretKeyFile: join(folder.path, 's') };
    expect(await sourceOf('{ access_key_file: a, secret_key_file: s }')).to.deep.equal(files);
    expect(await sourceOf('{ access_key_file: a, secret_key_file: s, session_token_file: t }')).to.deep.equal({
      ...files,
      sessionTokenFile: join(folder.path, 't'),
    });
  });

  it('resolves paths from the folder of the file, and hands proxy and CA of the control plane on', async () => {
    folder.put('ca.pem', rootCertificates[0] ?? '');
    folder.put('aws.pem', `${rootCertificates[0]}\n${rootCertificates[1]}\n`);
    const config = await folder.good(
      `control_plane: { url: "https://soar.example.com/x", ca_file: ca.pem, proxy: "http://u:p@proxy.example.com:3128" }
state_dir: state
connections: [{ label: one }, { label: two, ca_file: aws.pem, proxy: "socks5://127.0.0.1:1080" }]\n`,
    );
    expect(config.stateDir).to.equal(join(folder.path, 'state'));
    expect(config.controlPlane.caFile).to.equal(join(folder.path, 'ca.pem'));
    const [one, two] = config.connections;
    expect(one).to.include({ caFile: join(folder.path, 'ca.pem'), proxy: 'http://u:p@proxy.example.com:3128' });
    expect(two).to.include({ caFile: join(folder.path, 'aws.pem'), proxy: 'socks5://127.0.0.1:1080' });
  });

  it('warns loudly of what is allowed and dangerous', async () => {
    const config = await folder.good(`control_plane: { url: "http://127.0.0.1:8443", verify_ssl: false }
connections: [{ label: prod, verify_ssl: false, endpoints: { iam: "http://moto.example.com" } }]\n`);
    expect(config.warnings.map(({ kind, connection }) => [kind, connection])).to.deep.equal([
      ['verify_ssl_off', undefined],
      ['plain_http', 'prod'],
      ['verify_ssl_off', 'prod'],
    ]);
    expect((await folder.good(base)).warnings.map(({ kind }) => kind)).to.deep.equal(['no_connections']);
  });

  it('raises the highest rate with the first one', async () => {
    const config = await folder.good(connection('limits: { calls_per_second: 50 }'));
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
      expect((await folder.good(connection(`region: ${region}`))).connections[0]?.region).to.equal(region);
  });
});
