// Which names a block hides. Jinja2 decides before it renders where a name comes from: one that a block sets, and has not read by then
// itself, is the block's own from its start, so that a loop or a macro inside it finds nothing there until it is set, and never the column.
import { argumentsOf, type Block, childrenOf, type Expression, namesOf, type Statement, type Target } from './tree.ts';

/** For each block with names of its own: those that are undefined until they are set. */
export type Hidden = ReadonlyMap<Block, readonly string[]>;

/** Where the value of a name comes from when its block starts (jinja2.idtracking). */
type Origin = 'outside' | 'nowhere' | 'outer' | 'given';

class Symbols {
  readonly #parent: Symbols | null;
  readonly origins: Map<string, Origin>;
  readonly #stores: Set<string>;

  constructor(parent: Symbols | null, origins?: ReadonlyMap<string, Origin>, stores?: ReadonlySet<string>) {
    this.#parent = parent;
    this.origins = new Map(origins);
    this.#stores = new Set(stores);
  }

  #known(name: string): boolean {
    return this.origins.has(name) || this.#fromOuter(name);
  }

  #fromOuter(name: string): boolean {
    return this.#parent !== null && this.#parent.#known(name);
  }

  load(name: string): void {
    if (!this.#known(name)) this.origins.set(name, 'outside');
  }

  store(name: string): void {
    this.#stores.add(name);
    if (!this.origins.has(name)) this.origins.set(name, this.#fromOuter(name) ? 'outer' : 'nowhere');
  }

  give(name: string): void {
    this.#stores.add(name);
    this.origins.set(name, 'given');
  }

  branch(): Symbols {
    return new Symbols(this.#parent, this.origins, this.#stores);
  }

  /** What the branches of an if made: a name that one of them sets is read from outside until then. */
  join(branches: readonly Symbols[]): void {
    const set = branches.flatMap((branch) => [...branch.#stores]).filter((name) => !this.#stores.has(name));
    for (const branch of branches) for (const [name, origin] of branch.origins) this.origins.set(name, origin);
    for (const name of set) {
      this.#stores.add(name);
      this.origins.set(name, this.#fromOuter(name) ? 'outer' : 'outside');
    }
  }
}

class Analysis {
  readonly hidden = new Map<Block, readonly string[]>();

  #read(node: Expression, symbols: Symbols): void {
    if (node.kind === 'name' || node.kind === 'call') symbols.load(node.name);
    for (const child of childrenOf(node)) this.#read(child, symbols);
  }

  #assign(target: Target, symbols: Symbols): void {
    if (target.kind === 'several') for (const one of target.targets) this.#assign(one, symbols);
    else if (target.kind === 'member') symbols.load(target.name);
    else symbols.store(target.name);
  }

  #branch(block: Block, symbols: Symbols): Symbols {
    const branch = symbols.branch();
    for (const statement of block) this.#own(statement, branch);
    return branch;
  }

  /** What a statement reads and sets in the block that it stands in. */
  #own(statement: Statement, symbols: Symbols): void {
    switch (statement.kind) {
      case 'text':
        return undefined;
      case 'output':
        return this.#read(statement.expression, symbols);
      case 'if':
        this.#read(statement.condition, symbols);
        return symbols.join([statement.yes, statement.no].map((block) => this.#branch(block, symbols)));
      case 'set':
        this.#read(statement.value, symbols);
        return this.#assign(statement.target, symbols);
      case 'set_block':
        return this.#assign(statement.target, symbols);
      case 'filter_block':
        for (const { args } of statement.filters) for (const value of argumentsOf(args)) this.#read(value, symbols);
        return undefined;
      case 'with':
        for (const { value } of statement.assigned) this.#read(value, symbols);
        return undefined;
      case 'macro':
        return symbols.store(statement.macro.name ?? '');
      case 'call_block':
        return this.#read(statement.call, symbols);
      case 'for':
        return this.#read(statement.items, symbols);
      default:
        return statement satisfies never;
    }
  }

  /** The blocks inside a statement that have names of their own. */
  #inside(statement: Statement, symbols: Symbols): void {
    const inner = (body: Block, given: readonly string[], read: readonly Expression[] = []): void => {
      const own = new Symbols(symbols);
      for (const name of given) own.give(name);
      for (const value of read) this.#read(value, own);
      this.block(body, own);
    };
    if (statement.kind === 'if') for (const one of [...statement.yes, ...statement.no]) this.#inside(one, symbols);
    else if (statement.kind === 'for') {
      inner(statement.body, ['loop', ...namesOf(statement.targets)]);
      inner(statement.otherwise, []);
    } else if (statement.kind === 'with')
      inner(
        statement.body,
        statement.assigned.flatMap(({ target }) => namesOf(target)),
      );
    else if (statement.kind === 'macro' || statement.kind === 'call_block') {
      const { parameters, special, body } = statement.macro;
      const defaults = parameters.flatMap(([, value]) => (value === null ? [] : [value]));
      inner(body, [...parameters.map(([name]) => name), ...special], defaults);
    } else if (statement.kind === 'set_block' || statement.kind === 'filter_block')
      inner(
        statement.body,
        [],
        statement.filters.flatMap(({ args }) => argumentsOf(args)),
      );
  }

  block(block: Block, symbols: Symbols): void {
    for (const statement of block) this.#own(statement, symbols);
    const names = [...symbols.origins].filter(([, origin]) => origin === 'nowhere').map(([name]) => name);
    if (names.length > 0) this.hidden.set(block, names);
    for (const statement of block) this.#inside(statement, symbols);
  }
}

export function hiddenNames(block: Block): Hidden {
  const analysis = new Analysis();
  analysis.block(block, new Symbols(null));
  return analysis.hidden;
}
