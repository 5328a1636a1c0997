// Agents: invite, list, revoke, clear a conflict; and the one call that a host makes before it has an identity.
import { z } from 'zod';
import { isRefusal, refuse } from '../../protocol/error-codes.ts';
import type { AgentId } from '../../protocol/ids.ts';
import { connectionViewSchema } from '../../protocol/frames-to-control-plane.ts';
import { pairAnswerSchema, pairRequestSchema } from '../../protocol/pairing.ts';
import { issueCode, pair } from '../pairing.ts';
import { type AgentRow, agentById, clearConflict, insertAgent, revoke } from '../store/agents.ts';
import type { ApiDeps } from './api-deps.ts';
import { type ApiRoute, defineRoute } from './route.ts';
import {
  type AgentView,
  agentListSchema,
  agentParamsSchema,
  agentViewSchema,
  invitationSchema,
  newAgentSchema,
} from './schemas.ts';

const noAgent = refuse('not_found', 'there is no agent of this name');

export function agentRoutes(deps: ApiDeps): readonly ApiRoute[] {
  return [addAgent(deps), newCode(deps), listAgents(deps), revokeAgent(deps), clearAgent(deps), pairAgent(deps)];
}

async function invite(deps: ApiDeps, agent: AgentId): Promise<z.infer<typeof invitationSchema>> {
  const { code, expiresAt } = await issueCode(deps, agent);
  return {
    agent,
    code,
    fingerprint: deps.keys.fingerprint,
    url: deps.publicUrl(),
    expires_at: new Date(expiresAt).toISOString(),
  };
}

function addAgent(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'POST',
    path: '/api/v1/agents',
    role: 'admin',
    summary: 'Create an agent and its first pairing code. The code is shown this once.',
    body: newAgentSchema,
    answers: [{ status: 201, description: 'What to take to the host.', schema: invitationSchema }],
    async handle({ body }) {
      if (!(await insertAgent(deps.store.db, body.name, deps.now())))
        return refuse('request_invalid', `an agent ${body.name} exists; ask for a new code to pair it again`);
      return { status: 201, body: await invite(deps, body.name) };
    },
  });
}

function newCode(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'POST',
    path: '/api/v1/agents/:name/code',
    role: 'admin',
    summary: 'A new pairing code for an agent that exists; its older code ends. Pairing lifts a revocation.',
    params: agentParamsSchema,
    answers: [{ status: 201, description: 'What to take to the host.', schema: invitationSchema }],
    async handle({ params }) {
      const agent = await agentById(deps.store.db, params.name);
      return agent === null ? noAgent : { status: 201, body: await invite(deps, agent.id) };
    },
  });
}

function listAgents(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'GET',
    path: '/api/v1/agents',
    role: 'viewer',
    summary: 'Every agent with its state and what its connections offer.',
    answers: [{ status: 200, description: 'All agents by name.', schema: agentListSchema }],
    async handle() {
      const rows = await deps.store.db.selectFrom('agents').selectAll().orderBy('id').execute();
      return { status: 200, body: { agents: rows.map((row) => agentView(deps, row)) } };
    },
  });
}

function revokeAgent(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'DELETE',
    path: '/api/v1/agents/:name',
    role: 'admin',
    summary: 'Revoke an agent: its link is closed and its key is taken no more.',
    params: agentParamsSchema,
    answers: [{ status: 200, description: 'The revoked agent.', schema: agentViewSchema }],
    async handle({ params }) {
      const { store, gateway, emit, now } = deps;
      const agent = await agentById(store.db, params.name);
      if (agent === null) return noAgent;
      await store.transaction((tx) => revoke(tx, agent.id, now()));
      gateway.closeAgent(agent.id, { kind: 'agent_revoked' });
      emit('agent.revoked', { agent: agent.id });
      return viewed(deps, agent.id);
    },
  });
}

function clearAgent(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'POST',
    path: '/api/v1/agents/:name/clear',
    role: 'admin',
    summary:
      'Clear a session counter conflict after looking at the host: the refused counter or a larger one is taken once.',
    params: agentParamsSchema,
    answers: [{ status: 200, description: 'The agent.', schema: agentViewSchema }],
    async handle({ params }) {
      const { store, gateway, emit } = deps;
      const agent = await store.transaction(async (tx) => {
        const found = await agentById(tx, params.name);
        if (found !== null) await clearConflict(tx, found);
        return found;
      });
      if (agent === null) return noAgent;
      if (agent.conflict_counter !== null) {
        // The counter went back, so a session that is open has lost its word: whoever is good dials again.
        gateway.closeAgent(agent.id, { kind: 'session_replaced' });
        emit('agent.conflict_cleared', { agent: agent.id });
      }
      return viewed(deps, agent.id);
    },
  });
}

function pairAgent(deps: ApiDeps): ApiRoute {
  return defineRoute({
    method: 'POST',
    path: '/agent/v1/pair',
    role: null,
    summary: 'For hosts: show knowledge of a pairing code and hand over the public key.',
    body: pairRequestSchema,
    answers: [{ status: 200, description: 'The root key and the signed answer.', schema: pairAnswerSchema }],
    async handle({ body }) {
      const paired = await pair(deps, body);
      if (isRefusal(paired)) {
        deps.emit('pairing.refused', { code: paired.code });
        return paired;
      }
      if (paired.first) {
        deps.emit('pairing.finished', { agent: paired.agent });
        // Whoever was connected under this name spoke for the identity before.
        deps.gateway.closeAgent(paired.agent, { kind: 'session_replaced' });
      }
      return { status: 200, body: paired.answer };
    },
  });
}

async function viewed(deps: ApiDeps, id: AgentId) {
  const agent = await agentById(deps.store.db, id);
  return agent === null ? noAgent : { status: 200, body: agentView(deps, agent) };
}

function agentView(deps: ApiDeps, agent: AgentRow): AgentView {
  return {
    agent: agent.id,
    status: statusOf(deps, agent),
    paired_at: timeOf(agent.paired_at),
    last_seen_at: timeOf(agent.last_seen_at),
    version: agent.version,
    connections: z.array(connectionViewSchema).parse(JSON.parse(agent.connections)),
  };
}

function statusOf({ gateway }: ApiDeps, agent: AgentRow): AgentView['status'] {
  if (agent.revoked_at !== null) return 'revoked';
  if (agent.paired_at === null) return 'unpaired';
  if (agent.conflict_counter !== null) return 'conflict';
  return gateway.isOnline(agent.id) ? 'online' : 'offline';
}

function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
