// API tokens, for admins: make (shown once), list, delete.
import { isRefusal } from '../../protocol/error-codes.ts';
import { type ApiToken, createToken, deleteToken, listTokens } from '../api-tokens.ts';
import type { ApiDeps } from './api-deps.ts';
import { type ApiRoute, defineRoute } from './route.ts';
import { emptySchema, newTokenSchema, tokenListSchema, tokenMadeSchema, tokenParamsSchema } from './schemas.ts';

export function tokenRoutes({ store, now }: ApiDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/api/v1/tokens',
      role: 'admin',
      summary: 'Make an API token. The token is shown this once.',
      body: newTokenSchema,
      answers: [{ status: 201, description: 'The token.', schema: tokenMadeSchema }],
      async handle({ body }) {
        const made = await createToken(store.db, { name: body.name, role: body.role, nowMs: now() });
        return isRefusal(made) ? made : { status: 201, body: { ...tokenView(made), token: made.secret } };
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/tokens',
      role: 'admin',
      summary: 'Every API token, without its secret.',
      answers: [{ status: 200, description: 'All tokens, oldest first.', schema: tokenListSchema }],
      async handle() {
        return { status: 200, body: { tokens: (await listTokens(store.db)).map(tokenView) } };
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/api/v1/tokens/:id',
      role: 'admin',
      summary: 'Delete an API token; it is refused from now on.',
      params: tokenParamsSchema,
      answers: [{ status: 200, description: 'It is gone.', schema: emptySchema }],
      async handle({ params }) {
        const deleted = await store.transaction((tx) => deleteToken(tx, params.id));
        return isRefusal(deleted) ? deleted : { status: 200, body: {} };
      },
    }),
  ];
}

function tokenView({ id, name, role, createdAt }: ApiToken) {
  return { id, name, role, created_at: new Date(createdAt).toISOString() };
}
