// Where calls go and what they are signed for, beside botocore and the SDK's own rules: every region of every partition, FIPS, dual stack.
import { IAMClient } from '@aws-sdk/client-iam';
import { STSClient } from '@aws-sdk/client-sts';
import { expect } from 'chai';
import { addressOf, type ServiceAddress } from '../../../agent/io/sdk-client.ts';
import { testConnection } from '../../conformance/side-by-side.ts';
import { type AddressQuestion, askBotocore } from '../../support/botocore.ts';

const settings = ['AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT', 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_IAM'];
const services = ['iam', 'sts'] as const;

const urlOf = ({ target: { protocol, hostname, port, path } }: ServiceAddress): string =>
  `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;

describe('addresses of services', function suite() {
  this.timeout(120_000);
  const before_ = new Map(settings.map((name) => [name, process.env[name]]));
  beforeEach(() => {
    for (const name of settings) delete process.env[name];
  });
  after(() => {
    for (const [name, value] of before_) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  const ask = async ({ service, region, fips, dual }: AddressQuestion): Promise<ServiceAddress> => {
    process.env['AWS_USE_FIPS_ENDPOINT'] = String(fips);
    process.env['AWS_USE_DUALSTACK_ENDPOINT'] = String(dual);
    return await addressOf(service, testConnection('', { region, endpoints: {} }), 'iam-agent/1');
  };

  const sdkRules = (service: 'iam' | 'sts', region: string) => {
    const config = { region, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
    return service === 'iam'
      ? new IAMClient(config).config.endpointProvider
      : new STSClient(config).config.endpointProvider;
  };

  it("are botocore's and the SDK's for every region of every partition", async () => {
    const partitions = await askBotocore('regions', true);
    expect(partitions.map(({ partition }) => partition)).to.include.members(['aws', 'aws-cn', 'aws-us-gov']);
    const plain = partitions.flatMap(({ regions }) =>
      regions.flatMap((region) => services.map((service) => ({ service, region, fips: false, dual: false }))),
    );
    const special = partitions.flatMap(({ regions }) =>
      services.flatMap((service) =>
        [
          { fips: true, dual: false },
          { fips: false, dual: true },
          { fips: true, dual: true },
        ].map((kind) => ({ service, region: regions.find((name) => !name.includes('global')) ?? '', ...kind })),
      ),
    );
    const asked = [...plain, ...special];
    const theirs = await askBotocore('addresses', asked);
    const differences: string[] = [];
    for (const [index, question] of asked.entries()) {
      const { service, region, fips, dual } = question;
      const ours = await ask(question).then(
        (address) => ({ url: urlOf(address), ...address.scope }),
        () => null,
      );
      const title = JSON.stringify(question);
      const botocores = theirs[index] ?? null;
      // Of isolated partitions it does not know all dual-stack names; there the SDK's rules below are the only word.
      const unknown = botocores === null && dual && /-iso[a-z]-/.test(region);
      if (!unknown && JSON.stringify(ours) !== JSON.stringify(botocores))
        differences.push(`${title}: ours ${JSON.stringify(ours)}, botocore ${JSON.stringify(botocores)}`);
      if (ours === null) continue;
      const rule = sdkRules(service, region)({ Region: region, UseFIPS: fips, UseDualStack: dual });
      const schemes = rule.properties?.['authSchemes'] as { signingRegion?: string }[] | undefined;
      expect(ours.url, title).to.equal(rule.url.href);
      expect(ours.region, title).to.equal(schemes?.[0]?.signingRegion ?? region);
    }
    expect(differences).to.deep.equal([]);
    expect(asked.length).to.be.above(150);
  });

  it('follow the environment and the connection, whose own word goes first', async () => {
    const address = async (url: string | undefined): Promise<string> =>
      urlOf(await addressOf('iam', testConnection('', { endpoints: url === undefined ? {} : { iam: url } }), 'x/1'));
    process.env['AWS_ENDPOINT_URL'] = 'http://127.0.0.1:1/all';
    expect(await address(undefined)).to.equal('http://127.0.0.1:1/all/');
    process.env['AWS_ENDPOINT_URL_IAM'] = 'https://127.0.0.1:2';
    expect(await address(undefined)).to.equal('https://127.0.0.1:2/');
    expect(await address('http://127.0.0.1:3/own')).to.equal('http://127.0.0.1:3/own/');
  });

  it('name the agent, the API and nothing of the sample', async () => {
    const { headers, version, scope } = await ask({ service: 'sts', region: 'eu-west-1', fips: false, dual: false });
    expect([version, scope]).to.deep.equal(['2011-06-15', { region: 'eu-west-1', service: 'sts' }]);
    expect(headers['user-agent']).to.match(/^aws-sdk-js\/.* iam-agent\/1$/);
    expect(headers).to.include({
      host: 'sts.eu-west-1.amazonaws.com',
      'content-type': 'application/x-www-form-urlencoded',
    });
  });

  it('are refused where there can be none', async () => {
    process.env['AWS_ENDPOINT_URL'] = 'no url';
    const noUrl = testConnection('', { endpoints: {} });
    for (const connection of [noUrl, testConnection('http://127.0.0.1:1', { region: 'no region' })]) {
      const failed = await addressOf('iam', connection, 'x/1').catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(Error);
    }
  });
});
