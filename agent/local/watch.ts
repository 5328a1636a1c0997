// What `status` says of the link and of the last errors, read off the events that everything reports anyway. Nothing decides by it.
import { type EventLevel, type EventName, events, type EventSink, screenEvent } from '../events.ts';
import type { ErrorSeen, LinkSeen } from './status.ts';

const rememberedErrors = 50;
const shownFields = ['code', 'reason', 'job', 'run', 'connection'] as const;

interface LinkFacts {
  readonly connected: boolean;
  /** When it became connected, or stopped being it. */
  readonly sinceMs: number;
  readonly open: boolean;
  readonly session: number | null;
  readonly nextDialMs: number | null;
  readonly lastError: { readonly atMs: number; readonly event: string; readonly why: string } | null;
  readonly skewMs: number | null;
}

interface ErrorFacts {
  readonly atMs: number;
  readonly times: number;
  readonly event: string;
  readonly level: EventLevel;
  readonly fields: Readonly<Partial<Record<(typeof shownFields)[number], string>>>;
}

export class Watch {
  readonly #next: EventSink;
  readonly #nowMs: () => number;
  #errors: ErrorFacts[] = [];
  #link: LinkFacts;

  constructor(next: EventSink, nowMs: () => number) {
    this.#next = next;
    this.#nowMs = nowMs;
    this.#link = {
      connected: false,
      sinceMs: nowMs(),
      open: false,
      session: null,
      nextDialMs: null,
      lastError: null,
      skewMs: null,
    };
  }

  /** Passes every event on. */
  readonly sink: EventSink = (name, fields) => {
    this.#next(name, fields);
    const { level } = events[name];
    const ofLink = name.startsWith('link.');
    if (!ofLink && level !== 'warn' && level !== 'error') return;
    const known = screenEvent(name, fields)?.fields ?? {};
    if (ofLink) this.#linkEvent(name, known);
    if (level === 'warn' || level === 'error') this.#remember(name, level, known);
  };

  get clockSkewMs(): number | null {
    return this.#link.skewMs;
  }

  link(): LinkSeen {
    const { connected, sinceMs, open, session, nextDialMs, lastError } = this.#link;
    const waits = !open && nextDialMs !== null && nextDialMs > this.#nowMs();
    return {
      state: connected ? 'connected' : waits ? 'waiting' : 'connecting',
      since: iso(sinceMs),
      session: open ? session : null,
      next_dial_at: waits ? iso(nextDialMs) : null,
      last_error:
        lastError === null ? null : { at: iso(lastError.atMs), event: lastError.event, reason: lastError.why },
    };
  }

  /** Newest first. */
  errors(): readonly ErrorSeen[] {
    return this.#errors.toReversed().map(({ atMs, times, event, level, fields }) => ({
      at: iso(atMs),
      times,
      event,
      level: level === 'error' ? 'error' : 'warn',
      ...fields,
    }));
  }

  #linkEvent(name: EventName, fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.#nowMs();
    const delayMs = numberOf(fields['delayMs'] ?? fields['retryInMs']);
    const nextDialMs = delayMs === null ? null : nowMs + delayMs;
    switch (name) {
      case 'link.dialling':
        this.#link = { ...this.#link, nextDialMs };
        break;
      case 'link.connected':
        this.#link = { ...this.#link, open: true, session: numberOf(fields['session']), nextDialMs: null };
        break;
      case 'link.welcomed':
        this.#link = { ...this.#link, connected: true, sinceMs: nowMs, skewMs: numberOf(fields['skewMs']) };
        break;
      case 'link.lost':
      case 'link.unreachable':
      case 'link.rejected': {
        const sinceMs = this.#link.connected ? nowMs : this.#link.sinceMs;
        const why = textOf(fields['code']) ?? textOf(fields['reason']) ?? closeReason(fields['closeCode']);
        const lastError = { atMs: nowMs, event: name, why };
        this.#link = { ...this.#link, connected: false, open: false, sinceMs, nextDialMs, lastError };
        break;
      }
      default:
    }
  }

  #remember(event: EventName, level: EventLevel, known: Readonly<Record<string, unknown>>): void {
    const pairs = shownFields.map((name) => [name, textOf(known[name])] as const).filter(([, value]) => value !== null);
    const fields = Object.fromEntries(pairs) as ErrorFacts['fields'];
    const last = this.#errors.at(-1);
    // A link that is away says so again and again: one line, with how often.
    const same = last?.event === event && JSON.stringify(last.fields) === JSON.stringify(fields);
    const before = same ? this.#errors.slice(0, -1) : this.#errors.slice(1 - rememberedErrors);
    const times = same ? last.times + 1 : 1;
    this.#errors = [...before, { atMs: this.#nowMs(), times, event, level, fields }];
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function closeReason(closeCode: unknown): string {
  return typeof closeCode === 'number' ? `closed_${closeCode}` : 'closed';
}
