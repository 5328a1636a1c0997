// The AWS SDK as a maker of signed requests and no more: our exchange stands where its own handler and decoder were. Keys are bound to the
// call under way, so one client serves every role of a connection.
import type { AsyncLocalStorage } from 'node:async_hooks';
import * as iamSdk from '@aws-sdk/client-iam';
import * as stsSdk from '@aws-sdk/client-sts';
import type { Connection } from '../connection.ts';
import type { CallRequest } from '../iam/iam-caller.ts';
import type { Service } from '../iam/schema.ts';
import type { AwsKeys } from './credentials.ts';
import type { WireRequest } from './raw-response.ts';

export const defaultRegion = 'us-east-1';

/** What one call needs while the SDK works on it; never shared between calls. */
export interface Underway {
  readonly keys: AwsKeys;
  readonly input: CallRequest['input'];
  readonly exchange: (request: WireRequest) => Promise<void>;
}

export interface SdkClient {
  /** Builds, signs and sends through the exchange of the call under way. */
  send(operation: string, input: CallRequest['input']): Promise<void>;
  destroy(): void;
}

type Command = Parameters<iamSdk.IAMClient['send']>[0];

function newCommand(service: Service, operation: string, input: CallRequest['input']): Command {
  const found: unknown = Reflect.get(service === 'iam' ? iamSdk : stsSdk, `${operation}Command`);
  if (typeof found !== 'function') throw new Error(`the SDK has no command for ${operation}`);
  return Reflect.construct(found, [{ ...input }]) as Command;
}

function endpointFor(connection: Connection, service: Service): string | undefined {
  const own = connection.endpoints[service] ?? process.env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`];
  const found = own ?? process.env['AWS_ENDPOINT_URL'];
  return found === undefined || found === '' ? undefined : found;
}

function isWireRequest(value: unknown): value is WireRequest {
  return typeof value === 'object' && value !== null && 'hostname' in value && 'headers' in value && 'path' in value;
}

/**
 * The SDK's serialiser keeps what it has written in the client, and a call that fails while it is written leaves it for the next one. So every
 * request is held against its own call: no parameter twice, and none of another name.
 */
function isOf({ body }: WireRequest, input: CallRequest['input']): boolean {
  if (typeof body !== 'string') return false;
  const names = [...new URLSearchParams(body).keys()];
  const known = new Set(['Action', 'Version', ...Object.keys(input)]);
  return new Set(names).size === names.length && names.every((name) => known.has(name.split('.', 1)[0] ?? ''));
}

export function createSdkClient(
  service: Service,
  connection: Connection,
  userAgent: string,
  underway: AsyncLocalStorage<Underway>,
): SdkClient {
  const endpoint = endpointFor(connection, service);
  const credentials = async (): Promise<AwsKeys> => {
    const keys = underway.getStore()?.keys;
    if (keys === undefined) throw new Error('the SDK asked for keys outside a call');
    return await Promise.resolve(keys);
  };
  const config = {
    region: connection.region === '' ? defaultRegion : connection.region,
    // Marked so, or the SDK would keep the first call's keys for all.
    credentials: Object.assign(credentials, { memoized: true }),
    maxAttempts: 1,
    customUserAgent: userAgent,
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  // Both clients have the same methods for commands of their own; the command is made from the same module as the client.
  const client = (service === 'iam' ? new iamSdk.IAMClient(config) : new stsSdk.STSClient(config)) as iamSdk.IAMClient;
  client.middlewareStack.remove('deserializerMiddleware');
  client.middlewareStack.add(
    () => async (args) => {
      const request: unknown = args.request;
      const call = underway.getStore();
      if (call === undefined || !isWireRequest(request)) throw new Error('a request outside a call');
      if (!isOf(request, call.input)) throw new Error('the request holds what its call does not');
      await call.exchange(request);
      // No headers: from a Date the SDK would learn a clock offset, and send calls again.
      return { response: { statusCode: 200, headers: {} }, output: { $metadata: {} } };
    },
    { step: 'deserialize', name: 'ownExchange', priority: 'low' },
  );
  return {
    send: async (operation, input) => {
      await client.send(newCommand(service, operation, input));
    },
    destroy: () => client.destroy(),
  };
}
