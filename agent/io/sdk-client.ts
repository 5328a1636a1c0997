// The AWS SDK's word on a service: where it is, how a request names itself, and what it is signed for. Asked once for each connection and
// service with a sample call that never leaves; region, partition, FIPS, dual-stack and endpoint settings of files and environment are its.
import * as iamSdk from '@aws-sdk/client-iam';
import * as stsSdk from '@aws-sdk/client-sts';
import type { Connection } from '../connection.ts';
import type { Service } from '../iam/schema.ts';
import type { AwsKeys } from './credentials.ts';
import type { WireRequest } from './raw-response.ts';
import type { SigningScope } from './sign.ts';

export const defaultRegion = 'us-east-1';

/** What all requests to a service have in common. */
export interface ServiceAddress {
  readonly target: Pick<WireRequest, 'protocol' | 'hostname' | 'port' | 'path' | 'method'>;
  /** In the SDK's order. Those that belong to one request (its length, its id, its signature) are the sample's. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the service's API. */
  readonly version: string;
  readonly scope: SigningScope;
}

function endpointFor(connection: Connection, service: Service): string | undefined {
  const own = connection.endpoints[service] ?? process.env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`];
  const found = own ?? process.env['AWS_ENDPOINT_URL'];
  return found === undefined || found === '' ? undefined : found;
}

function isWireRequest(value: unknown): value is WireRequest {
  return typeof value === 'object' && value !== null && 'hostname' in value && 'headers' in value && 'path' in value;
}

function toAddress({ protocol, hostname, port, path, method, headers, body }: WireRequest): ServiceAddress {
  const [, region, service] =
    /^AWS4-HMAC-SHA256 Credential=sample\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/.exec(
      headers['authorization'] ?? '',
    ) ?? [];
  const version = typeof body === 'string' ? new URLSearchParams(body).get('Version') : null;
  if (region === undefined || service === undefined || version === null)
    throw new Error('the SDK makes requests of a form that this agent does not know');
  const target = { protocol, hostname, port, path, method };
  return { target, headers: { ...headers }, version, scope: { region, service } };
}

/** @throws when the SDK finds no endpoint, or its configuration files are at fault. */
export async function addressOf(service: Service, connection: Connection, userAgent: string): Promise<ServiceAddress> {
  const endpoint = endpointFor(connection, service);
  const sample = async (): Promise<AwsKeys> =>
    await Promise.resolve({ accessKeyId: 'sample', secretAccessKey: 'sample' });
  const config = {
    region: connection.region === '' ? defaultRegion : connection.region,
    credentials: sample,
    maxAttempts: 1,
    customUserAgent: userAgent,
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  // Both clients have the same methods for commands of their own; the command is made from the same module as the client.
  const client = (service === 'iam' ? new iamSdk.IAMClient(config) : new stsSdk.STSClient(config)) as iamSdk.IAMClient;
  let made: WireRequest | null = null;
  client.middlewareStack.remove('deserializerMiddleware');
  client.middlewareStack.add(
    () => async (args) => {
      const request: unknown = args.request;
      if (isWireRequest(request)) made = request;
      return await Promise.resolve({ response: { statusCode: 200, headers: {} }, output: { $metadata: {} } });
    },
    { step: 'deserialize', name: 'keepSample', priority: 'low' },
  );
  const command = service === 'iam' ? new iamSdk.GetAccountSummaryCommand({}) : new stsSdk.GetCallerIdentityCommand({});
  try {
    await client.send(command as iamSdk.GetAccountSummaryCommand);
  } finally {
    client.destroy();
  }
  if (made === null) throw new Error('the SDK made no request');
  return toAddress(made);
}
