// One route as data: what it takes, what it gives, who may call it, what it does. The server validates with these schemas and the OpenAPI
// document is made from the same ones, so the two cannot differ.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Refusal } from '../../protocol/error-codes.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { ApiToken } from '../api-tokens.ts';
import type { Role } from '../roles.ts';

type Method = 'GET' | 'POST' | 'DELETE';

export interface Answer {
  readonly status: number;
  readonly description: string;
  /** Absent: the answer is a stream of `contentTypes`. */
  readonly schema?: z.ZodType;
  readonly contentTypes?: readonly string[];
}

/** What a handler gets: everything parsed. `token` is null on routes without a role. */
export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly token: ApiToken | null;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A body for the schema of the first or a later answer, or a stream that the handler has begun. */
export type Result = { readonly status: number; readonly body: unknown } | Refusal | { readonly kind: 'streaming' };

export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: Method;
  readonly path: string;
  /** Null: no token is asked for. */
  readonly role: Role | null;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** The body is taken as a stream; `body` then describes its first line. */
  readonly streamedBody?: boolean;
  /** Headers that the handler reads, by name, with what they mean. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly answers: readonly Answer[];
  readonly handle: (call: Call<z.infer<P>, z.infer<Q>, z.infer<B>>) => Promise<Result>;
}

/** A route whose schemas are checked at its edge, so that routes of all shapes fit one list. */
export interface ApiRoute extends Omit<RouteSpec<z.ZodType, z.ZodType, z.ZodType>, 'handle'> {
  readonly run: (call: Call<unknown, unknown, unknown>) => Promise<Result | InputFault>;
}

interface InputFault {
  readonly kind: 'input_fault';
  readonly detail: string;
}

export function defineRoute<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  spec: RouteSpec<P, Q, B>,
): ApiRoute {
  const { handle, ...shown } = spec;
  return {
    ...shown,
    async run(call) {
      const params = check('path', spec.params, call.params);
      const query = check('query', spec.query, call.query);
      const body = check('body', spec.streamedBody === true ? undefined : spec.body, call.body);
      for (const part of [params, query, body]) if (part.kind === 'input_fault') return part;
      if (params.kind !== 'value' || query.kind !== 'value' || body.kind !== 'value') throw new Error('unreachable');
      return handle({ ...call, params: params.value, query: query.value, body: body.value });
    },
  };
}

function check<S extends z.ZodType>(
  part: string,
  schema: S | undefined,
  value: unknown,
): { kind: 'value'; value: z.infer<S> } | InputFault {
  // Without a schema the handler's type for this part is unknown or never read.
  if (schema === undefined) return { kind: 'value', value: value as z.infer<S> };
  const parsed = safeParse(schema, value ?? {});
  if (parsed.success) return { kind: 'value', value: parsed.data };
  const [issue] = parsed.error.issues;
  const where = [part, ...(issue?.path ?? [])].join('.');
  return { kind: 'input_fault', detail: `${where}: ${issue?.message ?? 'not valid'}` };
}
