// An identity as a host would keep it, for tests of the control plane: pairing over real HTTP, session tokens, and the dial.
import { exportJWK, generateKeyPair } from 'jose';
import { WebSocket } from 'ws';
import { nodeHashing } from '../../node/hashing.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type AgentId, type ControlPlaneId, type KeyId, controlPlaneId } from '../../protocol/ids.ts';
import { type PrivateKey, privateKeySchema, publicKeySchema } from '../../protocol/jws.ts';
import type { KeySet } from '../../protocol/key-set.ts';
import { codeId, codeKey, keyId, pairAnswerSchema, pairingProof, verifyPairing } from '../../protocol/pairing.ts';
import { signSession } from '../../protocol/session-token.ts';
import { subprotocol } from '../../protocol/version.ts';

export interface Invitation {
  readonly code: string;
  readonly fingerprint: string;
  readonly url: string;
}

export async function newKey(): Promise<PrivateKey> {
  const { privateKey } = await generateKeyPair('Ed25519', { extractable: true });
  const { kty, crv, x, d } = await exportJWK(privateKey);
  return privateKeySchema.parse({ kty, crv, x, d });
}

export function publicOf({ kty, crv, x }: PrivateKey) {
  return publicKeySchema.parse({ kty, crv, x });
}

/** What goes over the wire at pairing. */
export async function pairBody(invitation: Invitation, key: PrivateKey, code = invitation.code) {
  const secret = codeKey(nodeHashing, code);
  const kid = await keyId(publicOf(key));
  const proof = pairingProof(nodeHashing, secret, kid, invitation.fingerprint as KeyId);
  return { key: publicOf(key), code_id: codeId(nodeHashing, secret), proof };
}

export function postPair(url: string, body: unknown): Promise<Response> {
  return fetch(`${url}/agent/v1/pair`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** A paired identity, as a host would keep it. */
export interface Identity {
  readonly url: string;
  readonly agent: AgentId;
  readonly key: PrivateKey;
  readonly kid: KeyId;
  readonly controlPlane: ControlPlaneId;
  readonly keySet: KeySet;
}

export async function pairAgent(invitation: Invitation, key?: PrivateKey): Promise<Identity> {
  const own = key ?? (await newKey());
  const kid = await keyId(publicOf(own));
  const answer = await postPair(invitation.url, await pairBody(invitation, own));
  const body: unknown = await answer.json();
  if (answer.status !== 200) throw new Error(`pairing: ${answer.status} ${JSON.stringify(body)}`);
  const trusted = await verifyPairing(pairAnswerSchema.parse(body), {
    fingerprint: invitation.fingerprint,
    agentKey: kid,
  });
  if (isRefusal(trusted)) throw new Error(trusted.detail);
  return {
    url: invitation.url,
    agent: trusted.agent,
    key: own,
    kid,
    controlPlane: controlPlaneId(invitation.fingerprint as KeyId),
    keySet: trusted.keySet,
  };
}

export function sessionToken(identity: Identity, counter: number, nowMs = Date.now()): Promise<string> {
  const { agent, controlPlane, key, kid } = identity;
  return signSession({ agent, controlPlane, counter, nowMs }, key, kid);
}

/** The HTTP answer of a refused upgrade. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(`upgrade refused: ${status} ${code}`);
    this.status = status;
    this.code = code;
  }
}

export async function dialWith(url: string, token: string, protocol = subprotocol): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/agent/v1/socket`, protocol, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        const body = JSON.parse(text) as { code: string };
        reject(new UpgradeRefused(response.statusCode ?? 0, body.code));
      });
    });
  });
}
