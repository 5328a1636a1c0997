// The bodies of requests beside the SDK's own serialiser, byte for byte, for every operation of both services; and what is refused.
import * as iamSdk from '@aws-sdk/client-iam';
import * as stsSdk from '@aws-sdk/client-sts';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { encodeRequest } from '../../../agent/iam/encode.ts';
import { operationShapes, type Service, type Shape } from '../../../agent/iam/schema.ts';
import { type Json, rawNumber } from '../../../protocol/json.ts';

const versions = { iam: '2010-05-08', sts: '2011-06-15' } as const;
const sdks = { iam: iamSdk, sts: stsSdk } as const;

const operationsOf = (service: Service): readonly string[] =>
  Object.keys(sdks[service])
    .filter((name) => /^[A-Z]\w+Command$/.test(name))
    .map((name) => name.slice(0, -'Command'.length));

/** The body that the SDK's client makes; nothing is sent. */
function sdkBodies(service: Service): (operation: string, input: object) => Promise<string> {
  const config = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 };
  const client = (service === 'iam' ? new iamSdk.IAMClient(config) : new stsSdk.STSClient(config)) as iamSdk.IAMClient;
  let body = '';
  client.middlewareStack.add(
    () => async (args) => {
      body = String((args.request as { body?: unknown }).body);
      return await Promise.resolve({ response: {}, output: { $metadata: {} } });
    },
    { step: 'build', name: 'keepBody', priority: 'low' },
  );
  return async (operation, input) => {
    const Command = Reflect.get(sdks[service], `${operation}Command`) as new (input: object) => iamSdk.ListUsersCommand;
    await client.send(new Command(input));
    return body;
  };
}

const oddTexts = fc.oneof(
  fc.constantFrom('', ' ', "o'hara*(1)!~", 'a+b=c&d%20;/?', 'ü ß 漢 😀', '\t\r\n\0', '{"Statement":[]}', '-_.~'),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
);

function valueOf(shape: Shape, depth = 0): fc.Arbitrary<Json> {
  switch (shape.kind) {
    case 'text':
      return oddTexts;
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer();
    case 'list':
      return fc.array(valueOf(shape.item(), depth + 1), { maxLength: 12 });
    case 'map':
      return fc.dictionary(oddTexts, valueOf(shape.value(), depth + 1), { maxKeys: 3, noNullPrototype: true });
    case 'structure': {
      if (depth > 4) return fc.constant({});
      const members = [...shape.members].map(([name, member]) => [name, valueOf(member.shape(), depth + 1)] as const);
      // Whatever the schema requires may be missing: that is for others to refuse.
      return fc.record(Object.fromEntries(members), { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<Json>;
    }
    case 'timestamp':
    case 'blob':
      throw new Error(`an operation takes a ${shape.kind}, which no request could hold`);
    default:
      return shape satisfies never;
  }
}

/** Every member with something in it. */
function filled(shape: Shape, depth = 0): Json {
  switch (shape.kind) {
    case 'text':
      return "o'hara (1) ü&=+*!~";
    case 'boolean':
      return true;
    case 'integer':
      return -7;
    case 'list':
      return [filled(shape.item(), depth + 1), filled(shape.item(), depth + 1)];
    case 'map':
      return { 'a key': filled(shape.value(), depth + 1), b: filled(shape.value(), depth + 1) };
    case 'structure':
      return depth > 6
        ? {}
        : Object.fromEntries([...shape.members].map(([name, member]) => [name, filled(member.shape(), depth + 1)]));
    case 'timestamp':
    case 'blob':
      throw new Error(`an operation takes a ${shape.kind}, which no request could hold`);
    default:
      return shape satisfies never;
  }
}

describe("the body of a request beside the SDK's", function suite() {
  this.timeout(60_000);
  for (const service of ['iam', 'sts'] as const) {
    it(`for every operation of ${service}: every member filled, and inputs made at random`, async () => {
      const sdkBody = sdkBodies(service);
      const operations = operationsOf(service);
      expect(operations.length).to.be.at.least(service === 'iam' ? 180 : 8);
      let compared = 0;
      for (const operation of operations) {
        const input = operationShapes(service, operation)?.input ?? null;
        const made =
          input === null ? [{}] : [filled(input), ...fc.sample(valueOf(input), { numRuns: 12, seed: compared })];
        for (const one of made as Record<string, Json>[]) {
          const ours = encodeRequest(service, operation, versions[service], one);
          const theirs = await sdkBody(operation, one);
          if (ours !== theirs) expect(ours, `${operation} ${JSON.stringify(one)}`).to.equal(theirs);
          compared += 1;
        }
      }
      expect(compared).to.be.at.least(service === 'iam' ? 2000 : 80);
    });
  }

  const body = (operation: string, input: Record<string, Json>): string => encodeRequest('iam', operation, 'v', input);

  it('refuses what the schema does not have, and shows no value', () => {
    const wrong: readonly [string, Record<string, Json>][] = [
      ['NoSuchOperation', {}],
      ['ListUsers', { Decoy: 'S3CR3T' }],
      ['ListUsers', { toString: 'S3CR3T' }],
      ['GetAccountSummary', { UserName: 'S3CR3T' }],
      ['CreateUser', { UserName: ['S3CR3T'] }],
      ['CreateUser', { UserName: 7 }],
      ['CreateUser', { Tags: 'S3CR3T' }],
      ['CreateUser', { Tags: { Key: 'S3CR3T' } }],
      ['CreateUser', { Tags: [{ Key: 'S3CR3T', Other: 'S3CR3T' }] }],
      ['CreateUser', { Tags: ['S3CR3T'] }],
      ['CreateUser', { Tags: [null] }],
      ['ListUsers', { MaxItems: 'S3CR3T' }],
      ['CreateLoginProfile', { PasswordResetRequired: 'true' }],
    ];
    for (const [operation, input] of wrong) {
      let thrown: unknown = null;
      try {
        body(operation, input);
      } catch (error) {
        thrown = error;
      }
      expect(thrown, JSON.stringify(input)).to.have.property('name', 'EncodeError');
      expect(String(thrown)).to.not.contain('S3CR3T');
    }
  });

  it('refuses half a character wherever it stands', () => {
    for (const input of [{ UserName: '\ud800' }, { UserName: 'a', Tags: [{ Key: 'k', Value: 'x\udc00y' }] }] as Record<
      string,
      Json
    >[])
      expect(() => body('CreateUser', input)).to.throw(URIError);
  });

  it('leaves out what is null, and keeps a number as it was written', () => {
    expect(body('ListUsers', { Marker: null, MaxItems: rawNumber('12345678901234567890') })).to.equal(
      'Action=ListUsers&Version=v&MaxItems=12345678901234567890',
    );
  });
});
