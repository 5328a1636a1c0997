// What can be done to a connection, and random plans of it that one seed makes again.

export type Direction = 'toServer' | 'toClient';

/** Between two bytes, or at one byte, of one direction. Without `frame` the byte is counted from the start of the connection. */
interface Place {
  readonly direction: Direction;
  /** Messages of this name (see `Frame`), from 1; the first when `nth` is absent. */
  readonly frame?: string;
  /** Only the first message whose bytes, as Latin-1, match; whatever `nth` says. In a masked frame nothing is found. */
  readonly holding?: RegExp;
  readonly nth?: number;
  /** So many bytes have passed. In a frame it may be the frame's length: right after it. */
  readonly byte: number;
}

export type Effect =
  /** Both ends see the end of the stream (FIN); bytes before it arrive. */
  | { readonly kind: 'truncate' }
  /** Both ends see a reset (RST). */
  | { readonly kind: 'reset' }
  /** Nothing passes in this direction for so long; null: for ever. The connection stays open. */
  | { readonly kind: 'stall'; readonly forMs: number | null }
  /** The receiver's side is closed and the sender is not told: it sends into nothing, and nothing ever comes back. */
  | { readonly kind: 'half_open' }
  /** From here on. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** From here on every piece waits so long before it passes. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** So many bytes pass twice, at most to the end of the message they are in. */
  | { readonly kind: 'duplicate'; readonly bytes: number }
  | { readonly kind: 'drop'; readonly bytes: number }
  /** The bits of `mask` of one byte are inverted. */
  | { readonly kind: 'flip'; readonly mask: number };

export type Fault = Place & Effect;

export interface Plan {
  /** Accepted, and reset before a byte passes. */
  readonly connect?: 'reset';
  readonly faults?: readonly Fault[];
  /** When this connection is over nobody listens for so long: dials are refused. */
  readonly refuseMs?: number;
}

/** For the connection of that number, from 1. */
export type Planner = (connection: number) => Plan;

export const faultKinds = [
  'truncate',
  'reset',
  'stall',
  'half_open',
  'slow',
  'delay',
  'duplicate',
  'drop',
  'flip',
  'reset_at_connect',
  'refuse',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** What was really done, by kind: a fault whose byte never came is not in it. */
export type Counts = Record<FaultKind, number>;

/** Numbers from 0 to below `below`, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return (((mixed ^ (mixed >>> 14)) >>> 0) * below) / 2 ** 32;
  };
}

export interface RandomPlans {
  readonly seed: number;
  /** Which kinds are drawn, each as often as the others; all when absent. */
  readonly kinds?: readonly FaultKind[];
  /** Part of the connections that get a fault. Default 0.5. */
  readonly share?: number;
  /** Faults lie below this byte, small numbers as often as large ones. Default 64 KiB. */
  readonly maxByte?: number;
  /** Longest stall and refusal; what stalls for ever does so for this long at most when it is given. */
  readonly maxPauseMs?: number;
}

/** The plan of a connection depends on the seed and its number alone, not on what happened before. */
export function randomPlans({
  seed,
  kinds = faultKinds,
  share = 0.5,
  maxByte = 65_536,
  maxPauseMs,
}: RandomPlans): Planner {
  return (connection) => {
    const below = randomNumbers(seed + Math.imul(connection, 0x9e3779b1));
    if (below(1) >= share) return {};
    const kind = kinds[Math.floor(below(kinds.length))];
    const pauseMs = 50 + Math.floor(below((maxPauseMs ?? 2_000) - 50));
    const direction = below(2) < 1 ? 'toServer' : 'toClient';
    const place = { direction, byte: Math.floor(maxByte ** below(1)) } as const;
    switch (kind) {
      case undefined:
        return {};
      case 'reset_at_connect':
        return { connect: 'reset' };
      case 'refuse':
        return { refuseMs: pauseMs, faults: [{ ...place, kind: 'truncate' }] };
      case 'stall':
        return { faults: [{ ...place, kind, forMs: maxPauseMs === undefined && below(2) < 1 ? null : pauseMs }] };
      case 'slow':
        return { faults: [{ ...place, kind, bytesPerSecond: 2_000 + Math.floor(below(100_000)) }] };
      case 'delay':
        return { faults: [{ ...place, kind, ms: 1 + Math.floor(below(100)) }] };
      case 'duplicate':
      case 'drop':
        return { faults: [{ ...place, kind, bytes: 1 + Math.floor(below(64)) }] };
      case 'flip':
        return { faults: [{ ...place, kind, mask: 1 << Math.floor(below(8)) }] };
      default:
        return { faults: [{ ...place, kind }] };
    }
  };
}
