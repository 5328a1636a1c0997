// The published protocol: everything an agent, a control plane or another program may import, by name. The only barrel of the project;
// a name that is missing here is internal to this folder.
export {
  type AckDecision,
  type AgentJob,
  type AgentJobPhase,
  type AgentReply,
  type RowsDecision,
  type TokenFacts,
  type WelcomeDecision,
  acceptJob,
  agentJobPhases,
  mayRun,
  onAck,
  onCancel,
  onEntries,
  onFinishedAck,
  onKnownToken,
  onRows,
  onWelcome,
  presentState,
  rejectJob,
  skipChunk,
} from './agent-job.ts';
export { closeCodes } from './close-codes.ts';
export {
  type Decoded,
  type UnknownType,
  decodeFrameToAgent,
  decodeFrameToControlPlane,
  encodeFrame,
  isCancel,
} from './codec.ts';
export {
  type ControlPlaneJob,
  type ControlPlaneJobPhase,
  type HelloDecision,
  type ResultsDecision,
  controlPlaneJobPhases,
  isOpen,
  onAccepted,
  onCancelRequest,
  onDispatch,
  onFinished,
  onHello,
  onQuarantined,
  onRejected,
  onResults,
  queuedJob,
} from './control-plane-job.ts';
export { type Credit, grant, noCredit, onCredit, remaining } from './credit.ts';
export { chainAll, chainNext, chainStart, chunkDigest } from './digest-chain.ts';
export { type ErrorCode, type Fixer, type Refusal, errorCodes, isRefusal, refuse } from './error-codes.ts';
export {
  type FinishedClaims,
  type FinishedStatus,
  finishedClaimsSchema,
  finishedStatuses,
  signFinished,
  signFinishedWith,
  verifyFinished,
} from './finished-statement.ts';
export { type FrameToAgent, type StoredView, framesToAgent, storedViewSchema } from './frames-to-agent.ts';
export {
  type ConnectionView,
  type FrameToControlPlane,
  type HeldView,
  connectionViewSchema,
  framesToControlPlane,
  heldViewSchema,
  offeredConnections,
} from './frames-to-control-plane.ts';
export type { Hashing } from './hashing.ts';
export {
  type AgentId,
  type ControlPlaneId,
  type Digest,
  type JobId,
  type KeyId,
  agentIdSchema,
  controlPlaneId,
  controlPlaneIdSchema,
  digestOf,
  digestSchema,
  jobIdSchema,
  keyIdSchema,
} from './ids.ts';
export {
  type JobClaims,
  type JobInputs,
  type JobOptions,
  jobClaimsSchema,
  jobInputsSchema,
  jobOptionsSchema,
} from './job-claims.ts';
export { type JsonInput, jsonInputSchema } from './json-input.ts';
export { type VerifiedJob, checkJobTime, signJob, signJobWith, tokenDigest, verifyJob } from './job-token.ts';
export { type Json, type RawNumber, isRawNumber, jsonFault, parseJson, rawNumber, stringifyJson } from './json.ts';
export {
  type PrivateKey,
  type PublicKey,
  type TokenType,
  type VerifyOptions,
  privateKeySchema,
  publicKeySchema,
  signJws,
  signJwsWith,
  tokenTypes,
  verifyJws,
} from './jws.ts';
export { type KeySet, activeKeys, applyKeySetStep, keySetSchema, signKeySetStep } from './key-set.ts';
export { limits } from './limits.ts';
export {
  type PairAnswer,
  type PairRequest,
  type PairingClaims,
  codeId,
  codeKey,
  keyId,
  normaliseCode,
  pairAnswerSchema,
  pairRequestSchema,
  pairingProof,
  signPairing,
  verifyPairing,
} from './pairing.ts';
export {
  type Entry,
  type EntryFacts,
  type Envelope,
  type RowEndEntry,
  type RowOutcome,
  entryFacts,
  entrySchema,
  envelopeEntrySchema,
  envelopeLine,
  isRowEnd,
  rowEndEntrySchema,
  rowEndLine,
  rowOutcomes,
} from './result-envelope.ts';
export { type SessionClaims, sessionKeyId, signSession, verifySession } from './session-token.ts';
export { safeParse } from './safe-parse.ts';
export type { Sign, Verify } from './signatures.ts';
export { admitSession, speaks } from './session.ts';
export { protocolVersion, subprotocol } from './version.ts';
