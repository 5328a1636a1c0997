// Explicit-state search: visits every state that the steps of a model reach, breadth first, so the first violation found has a shortest trace.
// Afterwards it asks of every state whether steps without faults can still end everything. It knows nothing about jobs.

export interface Step<S> {
  readonly label: string;
  readonly to: S;
  /** A step that the environment may take but owes nobody; fault-free continuations do without it. */
  readonly fault: boolean;
}

export interface Model<S> {
  readonly initial: S;
  key(state: S): string;
  steps(state: S): readonly Step<S>[];
  /** The name of a property that does not hold here, or null. */
  broken(state: S): string | null;
  terminal(state: S): boolean;
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  readonly violation: { readonly property: string; readonly trace: readonly string[] } | null;
}

/** A growing list of pairs of numbers; plain arrays of objects would cost ten times the memory. */
class Edges {
  #pairs = new Int32Array(1 << 16);
  length = 0;
  add(from: number, to: number): void {
    if (this.length * 2 === this.#pairs.length) {
      const grown = new Int32Array(this.#pairs.length * 2);
      grown.set(this.#pairs);
      this.#pairs = grown;
    }
    this.#pairs[this.length * 2] = from;
    this.#pairs[this.length * 2 + 1] = to;
    this.length += 1;
  }
  from(edge: number): number {
    return this.#pairs[edge * 2] ?? 0;
  }
  to(edge: number): number {
    return this.#pairs[edge * 2 + 1] ?? 0;
  }
}

export function explore<S>(model: Model<S>, options: { maxStates: number }): Exploration {
  const ids = new Map<string, number>([[model.key(model.initial), 0]]);
  const parents: number[] = [-1];
  const labels: string[] = ['start'];
  const ends: number[] = [];
  const healing = new Edges();
  let transitions = 0;
  const result = (violation: Exploration['violation']): Exploration => ({ states: ids.size, transitions, violation });
  let frontier: [number, S][] = [[0, model.initial]];
  while (frontier.length > 0) {
    const next: [number, S][] = [];
    for (const [id, state] of frontier) {
      const property = model.broken(state);
      if (property !== null) return result({ property, trace: traceTo(id, parents, labels) });
      if (model.terminal(state)) ends.push(id);
      for (const step of model.steps(state)) {
        transitions += 1;
        const key = model.key(step.to);
        let target = ids.get(key);
        if (target === undefined) {
          target = ids.size;
          if (target >= options.maxStates) throw new Error(`more than ${options.maxStates} states`);
          ids.set(key, target);
          parents.push(id);
          labels.push(step.label);
          next.push([target, step.to]);
        }
        if (!step.fault) healing.add(id, target);
      }
    }
    frontier = next;
  }
  const stuck = firstStuck(ids.size, ends, healing);
  return result(stuck === null ? null : { property: 'can still end', trace: traceTo(stuck, parents, labels) });
}

/** The first state from which no fault-free path leads to an end; states are numbered in the order of their distance. */
function firstStuck(states: number, ends: readonly number[], healing: Edges): number | null {
  const starts = new Int32Array(states + 1);
  for (let edge = 0; edge < healing.length; edge += 1) {
    const slot = healing.to(edge) + 1;
    starts[slot] = (starts[slot] ?? 0) + 1;
  }
  for (let state = 0; state < states; state += 1) starts[state + 1] = (starts[state + 1] ?? 0) + (starts[state] ?? 0);
  const filled = Int32Array.from(starts);
  const sources = new Int32Array(healing.length);
  for (let edge = 0; edge < healing.length; edge += 1) {
    const to = healing.to(edge);
    const slot = filled[to] ?? 0;
    sources[slot] = healing.from(edge);
    filled[to] = slot + 1;
  }
  const reaches = new Uint8Array(states);
  const open = [...ends];
  for (const end of ends) reaches[end] = 1;
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (let at = starts[state] ?? 0; at < (starts[state + 1] ?? 0); at += 1) {
      const source = sources[at] ?? 0;
      if (reaches[source] === 1) continue;
      reaches[source] = 1;
      open.push(source);
    }
  }
  const stuck = reaches.indexOf(0);
  return stuck === -1 ? null : stuck;
}

function traceTo(id: number, parents: readonly number[], labels: readonly string[]): string[] {
  const trace: string[] = [];
  for (let at = id; at > 0; at = parents[at] ?? 0) trace.push(labels[at] ?? '');
  return trace.toReversed();
}
