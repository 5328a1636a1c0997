// A seeded source of choices, so that every run of the fuzzer can be repeated from its number.

export interface Random {
  /** 0 up to, not with, `below`. */
  integer(below: number): number;
  pick<T>(values: readonly T[]): T;
}

/** Mulberry32: small, and good enough to choose with. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(next() * below);
  return {
    integer,
    pick: (values) => {
      const value = values[integer(values.length)];
      if (value === undefined) throw new Error('nothing to pick from');
      return value;
    },
  };
}
