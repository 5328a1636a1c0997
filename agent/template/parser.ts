// Expressions by Jinja2's grammar. nunjucks' own expression
// grammar is replaced: its precedence differs from Jinja2's at most levels, and it has no slices, tuples, chained tests or keyword rules.
import lexer from 'nunjucks/src/lexer.js';
import type { Token } from 'nunjucks/src/parser.js';
import { filters } from './filters.ts';
import { isTests } from './is-tests.ts';
import { noArguments } from './literals.ts';
import type { Operator } from './numbers.ts';
import { OperandParser } from './operand-parser.ts';
import { refusedFilters } from './refused.ts';
import type { AppliedFilter, Arguments, CompareOperator, Expression } from './tree.ts';

const compareOperators: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

export class ExpressionParser extends OperandParser {
  /** What nunjucks reads between {{ and }}: commas make a tuple. */
  override parseExpression(): Expression {
    return this.tuple(() => this.expression());
  }

  /** Members that end with a tag, a bracket or the word `recursive`; one without a comma is itself. */
  protected tuple(member: () => Expression): Expression {
    const first = member();
    if (!this.isType('comma')) return first;
    const items = [first];
    while (this.skip('comma') && !this.#tupleEnds()) items.push(member());
    return this.node({ kind: 'tuple', items });
  }

  #tupleEnds(): boolean {
    const ends: readonly string[] = [lexer.TOKEN_VARIABLE_END, lexer.TOKEN_BLOCK_END, 'right-paren'];
    return ends.includes(this.peekToken()?.type ?? '') || this.isSymbol('recursive');
  }

  protected override expression(): Expression {
    return this.nested(() => {
      let node = this.#or();
      while (this.skipSymbol('if')) {
        const condition = this.#or();
        const no = this.skipSymbol('else') ? this.expression() : null;
        node = this.node({ kind: 'choose', condition, yes: node, no });
      }
      return node;
    });
  }

  /** A condition of a loop or an if without the inline form. */
  protected parseOr(): Expression {
    return this.nested(() => this.#or());
  }

  #or(): Expression {
    let left = this.#and();
    while (this.skipSymbol('or')) left = this.node({ kind: 'or', left, right: this.#and() });
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.skipSymbol('and')) left = this.node({ kind: 'and', left, right: this.#not() });
    return left;
  }

  #not(): Expression {
    if (this.skipSymbol('not')) return this.nested(() => this.node({ kind: 'not', operand: this.#not() }));
    return this.#compare();
  }

  #compareOperator(): CompareOperator | null {
    if (this.isOperator(...compareOperators)) return this.next().value as CompareOperator;
    if (this.skipSymbol('in')) return 'in';
    if (!this.isSymbol('not')) return null;
    const token = this.nextToken();
    if (this.skipSymbol('in')) return 'not in';
    return this.fail("expected 'in' after 'not'", token?.lineno);
  }

  #compare(): Expression {
    const first = this.#sum();
    const rest: (readonly [CompareOperator, Expression])[] = [];
    for (let operator = this.#compareOperator(); operator !== null; operator = this.#compareOperator())
      rest.push([operator, this.#sum()]);
    return rest.length === 0 ? first : this.node({ kind: 'compare', first, rest });
  }

  #binary(operators: readonly Operator[], operand: () => Expression): Expression {
    let left = operand();
    while (this.isOperator(...operators)) {
      const operator = this.next().value as Operator;
      left = this.node({ kind: 'arithmetic', operator, left, right: operand() });
    }
    return left;
  }

  #sum(): Expression {
    return this.#binary(['+', '-'], () => this.#concat());
  }

  #concat(): Expression {
    const first = this.#product();
    const parts = [first];
    while (this.skip('tilde')) parts.push(this.#product());
    return parts.length === 1 ? first : this.node({ kind: 'concat', parts });
  }

  #product(): Expression {
    return this.#binary(['*', '/', '//', '%'], () => this.#binary(['**'], () => this.#unary(true)));
  }

  #unary(withFilter: boolean): Expression {
    let node: Expression;
    if (this.isOperator('-', '+')) {
      const kind = this.next().value === '-' ? 'negative' : 'positive';
      node = this.node({ kind, operand: this.nested(() => this.#unary(false)) });
    } else node = this.parsePrimary();
    node = this.postfix(node);
    return withFilter ? this.#filtersAndTests(node) : node;
  }

  #dotted(): string {
    let name = this.expect(lexer.TOKEN_SYMBOL).value;
    while (this.skipValue(lexer.TOKEN_OPERATOR, '.')) name += `.${this.expect(lexer.TOKEN_SYMBOL).value}`;
    return name;
  }

  /** `name(arguments)` after a pipe or in the head of a block. */
  protected appliedFilter(): AppliedFilter {
    const token = this.peekToken();
    const name = this.#dotted();
    this.#checkFilter(name, token);
    const args = this.isType('left-paren') ? this.parseArguments() : noArguments;
    this.#checkNested(name, args, token);
    return { name, args };
  }

  #checkFilter(name: string, token: Token | null): void {
    if (filters.has(name)) return;
    this.unsupported(`the filter '${name}'`, token, refusedFilters.get(name));
  }

  #filtersAndTests(start: Expression): Expression {
    let node = start;
    for (;;) {
      const token = this.peekToken();
      if (this.skip('pipe')) node = this.node({ kind: 'filter', target: node, ...this.appliedFilter() });
      else if (this.skipSymbol('is')) node = this.#test(node, token);
      else if (this.isType('left-paren')) this.unsupported('calling a value', token);
      else return node;
    }
  }

  // map('x') and select('x') name a filter or a test in a string: one that is written out is checked like any other.
  #checkNested(filter: string, args: Arguments, token: Token | null): void {
    const named = args.positional[filter.endsWith('attr') ? 1 : 0];
    if (named?.kind !== 'literal' || typeof named.value !== 'string') return;
    if (filter === 'map') this.#checkFilter(named.value, token);
    const selects = /^(?:select|reject)(?:attr)?$/.test(filter);
    if (selects && !isTests.has(named.value)) this.unsupported(`the test '${named.value}'`, token);
  }

  #test(target: Expression, start: Token | null): Expression {
    const negated = this.skipSymbol('not');
    const name = this.#dotted();
    if (!isTests.has(name)) this.unsupported(`the test '${name}'`, start);
    const node = this.node({ kind: 'test', target, name, args: this.#testArguments() });
    return negated ? this.node({ kind: 'not', operand: node }) : node;
  }

  #testArguments(): Arguments {
    const token = this.peekToken();
    if (token?.type === 'left-paren') return this.parseArguments();
    const starts = [
      lexer.TOKEN_SYMBOL,
      lexer.TOKEN_STRING,
      lexer.TOKEN_INT,
      lexer.TOKEN_FLOAT,
      'left-bracket',
      'left-curly',
    ];
    if (token === null || !starts.includes(token.type)) return noArguments;
    if (token.type === lexer.TOKEN_SYMBOL && ['else', 'or', 'and'].includes(token.value)) return noArguments;
    if (token.type === lexer.TOKEN_SYMBOL && token.value === 'is') this.fail('tests cannot be chained with is');
    return { ...noArguments, positional: [this.nested(() => this.postfix(this.parsePrimary()))] };
  }
}
