// AWS as a function: answers each call from a script and remembers what was asked. For tests of what decides about calls; everything about
// the wire is tested against real sockets.
import type { CallAnswer, CallRequest, IamCaller } from '../../agent/iam/iam-caller.ts';

const namespace = 'https://iam.amazonaws.com/doc/2010-05-08/';

export function answerOf(operation: string, result: string | null): CallAnswer {
  const wrapped = result === null ? '' : `<${operation}Result>${result}</${operation}Result>`;
  const metadata = '<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000001</RequestId></ResponseMetadata>';
  const body = `<${operation}Response xmlns="${namespace}">${wrapped}${metadata}</${operation}Response>`;
  return { kind: 'answer', status: 200, headers: [['Content-Type', 'text/xml']], body, attempts: 1 };
}

export class ScriptedCaller implements IamCaller {
  readonly calls: CallRequest[] = [];
  readonly #script: (request: CallRequest, earlier: number) => CallAnswer | Promise<CallAnswer>;

  /** `earlier`: how many calls came before this one. */
  constructor(script: (request: CallRequest, earlier: number) => CallAnswer | Promise<CallAnswer>) {
    this.#script = script;
  }

  async call(request: CallRequest): Promise<CallAnswer> {
    this.calls.push(request);
    // As on a network: the answer comes in a later turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#script(request, this.calls.length - 1);
  }

  count(operation: string, userName?: string): number {
    return this.calls.filter(
      (call) => call.operation === operation && (userName === undefined || call.input['UserName'] === userName),
    ).length;
  }
}
