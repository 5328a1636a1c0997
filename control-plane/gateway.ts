// The agents' way in: `GET /agent/v1/socket`. A dial is answered with a socket only after the session token verified and its counter was taken
// by one conditional update; every refusal is an HTTP status with a coded JSON body. Knows who is online, on this node.
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import PQueue from 'p-queue';
import { WebSocketServer } from 'ws';
import { type Refusal, isRefusal, refuse } from '../protocol/error-codes.ts';
import type { AgentId, JobId } from '../protocol/ids.ts';
import { keyIdSchema } from '../protocol/ids.ts';
import { limits } from '../protocol/limits.ts';
import { safeParse } from '../protocol/safe-parse.ts';
import { sessionKeyId, verifySession } from '../protocol/session-token.ts';
import { subprotocol } from '../protocol/version.ts';
import { collectGarbage } from '../node/garbage.ts';
import { AfterRush } from './after-rush.ts';
import { AgentSession } from './agent-session.ts';
import type { CloseReason } from './close-codes.ts';
import { faultOf } from './events.ts';
import type { SessionDeps, SessionIdentity } from './session-context.ts';
import { nodeVerify } from '../node/signatures.ts';
import { admit, agentByKey, holdBack, markConflict, publicKeyOf } from './store/agents.ts';

const socketPath = '/agent/v1/socket';

/** A planned restart spreads the agents' return: about so many dials a second. */
const dialsPerSecond = 500;
const longestReturnMs = 60_000;
/** Dials that are looked at side by side: when all agents come at once, the others wait as the little that a dial is. */
const admittedAtOnce = 32;

export class Gateway {
  readonly #deps: SessionDeps;
  readonly #server: WebSocketServer;
  readonly #sessions = new Map<AgentId, AgentSession>();
  readonly #ending = new Set<Promise<void>>();
  readonly #admissions = new PQueue({ concurrency: admittedAtOnce });
  readonly #afterRush = new AfterRush(() => void collectGarbage());
  #closing = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: limits.frameBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    });
  }

  isOnline(agent: AgentId): boolean {
    return this.#sessions.has(agent);
  }

  wake(agent: AgentId): void {
    this.#sessions.get(agent)?.wake();
  }

  cancel(agent: AgentId, wireId: JobId): void {
    this.#sessions.get(agent)?.cancel(wireId);
  }

  closeAgent(agent: AgentId, reason: CloseReason): void {
    this.#sessions.get(agent)?.close(reason);
  }

  /** For the server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!this.#closing) this.#afterRush.dialled();
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    this.#admissions
      .add(() => this.#admit(request))
      .then(
        (identity) => {
          if (isRefusal(identity)) return answer(socket, identity);
          if (this.#closing) return answer(socket, refuse('internal', 'this control plane is stopping; dial again'));
          socket.off('error', onError);
          this.#server.handleUpgrade(request, socket, head, (opened) => {
            this.#enter(new AgentSession(this.#deps, opened, identity, socket));
          });
        },
        (error: unknown) => {
          this.#deps.emit('server.fault', { name: 'gateway', fault: faultOf(error) });
          answer(socket, refuse('internal', 'a fault in the control plane; dial again later'));
        },
      );
  }

  /** Says goodbye to every agent and waits until their work in hand is done. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#afterRush.stop();
    const withinMs = Math.min(longestReturnMs, 1_000 + Math.ceil((this.#sessions.size * 1_000) / dialsPerSecond));
    for (const session of this.#sessions.values()) session.goAway(withinMs);
    await Promise.all(this.#ending);
    this.#server.close();
  }

  #enter(session: AgentSession): void {
    const { agent, counter } = session.identity;
    const older = this.#sessions.get(agent);
    if (older !== undefined && older.identity.counter > counter && older.identity.keyId === session.identity.keyId) {
      session.close({ kind: 'session_replaced' });
    } else {
      older?.close({ kind: 'session_replaced' });
      this.#sessions.set(agent, session);
    }
    const ending = session.ended.finally(() => {
      if (this.#sessions.get(agent) === session) this.#sessions.delete(agent);
      this.#ending.delete(ending);
    });
    this.#ending.add(ending);
  }

  async #admit(request: IncomingMessage): Promise<SessionIdentity | Refusal> {
    const { store, keys, now, emit } = this.#deps;
    const shape = requestFault(request);
    if (shape !== null) return shape;
    const token = /^Bearer ([\w.-]+)$/.exec(request.headers.authorization ?? '')?.[1];
    const keyId = safeParse(keyIdSchema, token === undefined ? null : sessionKeyId(token)).data;
    const agent = keyId === undefined ? null : await agentByKey(store.db, keyId);
    const key = agent === null ? null : publicKeyOf(agent);
    if (token === undefined || keyId === undefined || agent === null || key === null)
      return this.#refused(
        refuse('session_rejected', 'the session token is missing, or of a key that is not paired here'),
      );
    const trust = { controlPlane: keys.controlPlane, keys: new Map([[keyId, key]]), nowMs: now(), verify: nodeVerify };
    const claims = await verifySession(token, trust);
    if (isRefusal(claims))
      return this.#refused(refuse('session_rejected', `${claims.code}: ${claims.detail}`), agent.id);
    if (claims.iss !== agent.id)
      return this.#refused(refuse('session_rejected', 'the key was paired under another name'), agent.id);
    if (agent.revoked_at !== null)
      return this.#refused(
        refuse('agent_revoked', 'an operator revoked this agent; pair it again to use it'),
        agent.id,
      );
    const session = { agent: agent.id, keyId, counter: claims.session, iat: claims.iat, nowMs: now() };
    if (await store.transaction((tx) => admit(tx, session)))
      return { agent: agent.id, keyId, key, counter: claims.session };
    const fresh = await agentByKey(store.db, keyId);
    if (fresh === null || fresh.revoked_at !== null)
      return this.#refused(
        refuse('agent_revoked', 'an operator revoked this agent; pair it again to use it'),
        agent.id,
      );
    if (await holdBack(store.db, session))
      return this.#refused(
        refuse(
          'session_counter_reused',
          'two copies of this identity have dialled, or one that went back in time; no session is taken until an operator has looked and cleared it',
        ),
        agent.id,
      );
    if (!(await markConflict(store.db, session)))
      return this.#refused(
        refuse(
          'session_counter_reused',
          `this session token (counter ${claims.session}) was used before or is not newer than one that was; dial with a new one`,
        ),
        agent.id,
      );
    emit('agent.conflict', { agent: agent.id, session: claims.session });
    return this.#refused(
      refuse(
        'session_counter_reused',
        `expected a session counter above ${fresh.session_counter}, found ${claims.session}: a cloned or rolled-back identity; an operator must look at it and clear it`,
      ),
      agent.id,
    );
  }

  #refused(refusal: Refusal, agent?: AgentId): Refusal {
    this.#deps.emit('session.refused', { agent, code: refusal.code, status: statusOf(refusal) });
    return refusal;
  }
}

function requestFault(request: IncomingMessage): Refusal | null {
  const path = request.url?.split('?', 1)[0];
  if (path !== socketPath) return refuse('not_found', `agents dial ${socketPath}`);
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(subprotocol) ? null : refuse('request_invalid', `expected the subprotocol ${subprotocol}`);
}

function statusOf(refusal: Refusal): number {
  switch (refusal.code) {
    case 'session_rejected':
      return 401;
    case 'agent_revoked':
      return 403;
    case 'session_counter_reused':
      return 409;
    case 'not_found':
      return 404;
    case 'request_invalid':
      return 400;
    default:
      return 503;
  }
}

/** The Date header lets a host see how far its clock is off when its token was early or late. */
function answer(socket: Duplex, { code, detail, ...refusal }: Refusal): void {
  const status = statusOf({ code, detail, ...refusal });
  const body = JSON.stringify({ code, detail });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Date: ${new Date().toUTCString()}`,
    'Connection: close',
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
