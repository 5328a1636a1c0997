// Expressions by Jinja2's grammar. nunjucks' own expression
// grammar is replaced: its precedence differs from Jinja2's at most levels, and it has no slices, tuples, chained tests or keyword rules.
import lexer from 'nunjucks/src/lexer.js';
import type { Token } from 'nunjucks/src/parser.js';
import { filters } from './filters.ts';
import { isTests } from './is-tests.ts';
import { integer, noArguments, symbol } from './literals.ts';
import { methodNames } from './methods.ts';
import type { Operator } from './numbers.ts';
import { TokenParser } from './token-parser.ts';
import type { Arguments, CompareOperator, Expression } from './tree.ts';

const compareOperators: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

export class ExpressionParser extends TokenParser {
  override parseExpression(): Expression {
    return this.nested(() => {
      let node = this.#or();
      while (this.skipSymbol('if')) {
        const condition = this.#or();
        const no = this.skipSymbol('else') ? this.parseExpression() : null;
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
    node = this.#postfix(node);
    return withFilter ? this.#filtersAndTests(node) : node;
  }

  protected parsePrimary(): Expression {
    const token = this.next();
    switch (token.type) {
      case lexer.TOKEN_SYMBOL:
        return this.node(symbol(token));
      case lexer.TOKEN_STRING: {
        let value = token.value;
        while (this.isType(lexer.TOKEN_STRING)) value += this.next().value;
        return this.node({ kind: 'literal', value });
      }
      case lexer.TOKEN_INT:
        return this.node({ kind: 'literal', value: integer(token) });
      case lexer.TOKEN_FLOAT:
        return this.node({ kind: 'literal', value: Number(token.value.replaceAll('_', '')) });
      case 'left-paren':
        return this.#group();
      case 'left-bracket':
        return this.node({ kind: 'list', items: this.#until('right-bracket', () => this.parseExpression()) });
      case 'left-curly':
        return this.node({ kind: 'dict', pairs: this.#until('right-curly', () => this.#pair()) });
      default:
        return this.fail(`unexpected '${token.value}'`, token.lineno);
    }
  }

  #pair(): readonly [Expression, Expression] {
    const key = this.parseExpression();
    this.expect('colon');
    return [key, this.parseExpression()];
  }

  /** Members with commas between, a comma after the last one allowed, up to the closing bracket. */
  #until<T>(close: string, member: () => T): T[] {
    const members: T[] = [];
    while (!this.skip(close)) {
      if (members.length > 0) {
        this.expect('comma');
        if (this.skip(close)) break;
      }
      members.push(member());
    }
    return members;
  }

  #group(): Expression {
    if (this.skip('right-paren')) return this.node({ kind: 'tuple', items: [] });
    const first = this.parseExpression();
    if (this.skip('right-paren')) return first;
    this.expect('comma');
    const items = [first, ...this.#until('right-paren', () => this.parseExpression())];
    return this.node({ kind: 'tuple', items });
  }

  #postfix(start: Expression): Expression {
    let node = start;
    for (;;) {
      if (this.isOperator('.')) node = this.#member(node);
      else if (this.skip('left-bracket')) node = this.#subscript(node);
      else if (this.isType('left-paren')) node = this.#call(node);
      else return node;
    }
  }

  #member(target: Expression): Expression {
    this.next();
    const token = this.next();
    if (token.type === lexer.TOKEN_SYMBOL) return this.node({ kind: 'attribute', target, name: token.value });
    if (token.type !== lexer.TOKEN_INT) return this.fail('expected a name or a number after the dot', token.lineno);
    return this.node({ kind: 'item', target, index: this.node({ kind: 'literal', value: integer(token) }) });
  }

  #subscript(target: Expression): Expression {
    const bounds: (Expression | null)[] = [];
    let last: Expression | null = null;
    while (!this.skip('right-bracket')) {
      if (this.skip('colon')) {
        bounds.push(last);
        last = null;
        if (bounds.length > 2) this.fail('a slice has at most three parts');
      } else if (last === null) last = this.parseExpression();
      else if (this.isType('comma')) this.unsupported('a subscript with a comma', this.peekToken());
      else this.fail("expected ']'");
    }
    if (bounds.length > 0) return this.node({ kind: 'slice', target, bounds: [...bounds, last] });
    if (last === null) return this.fail('a subscript is empty');
    return this.node({ kind: 'item', target, index: last });
  }

  #call(callee: Expression): Expression {
    const token = this.peekToken();
    if (callee.kind === 'attribute') {
      if (!methodNames.has(callee.name)) this.unsupported(`calling '${callee.name}'`, token);
      return this.node({ kind: 'method', target: callee.target, name: callee.name, args: this.parseArguments() });
    }
    if (callee.kind === 'name' && callee.name === 'range')
      return this.node({ kind: 'range', name: callee, args: this.parseArguments() });
    return this.unsupported(callee.kind === 'name' ? `calling '${callee.name}'` : 'calling a value', token);
  }

  protected parseArguments(): Arguments {
    this.expect('left-paren');
    const named: (readonly [string, Expression])[] = [];
    const positional: Expression[] = [];
    this.#until('right-paren', () => {
      if (this.isOperator('*', '**')) this.unsupported('unpacking arguments', this.peekToken());
      const token = this.peekToken();
      const value = this.parseExpression();
      if (this.isOperator('=') && value.kind === 'name') {
        this.next();
        if (named.some(([name]) => name === value.name)) this.fail(`'${value.name}' is given twice`, token?.lineno);
        named.push([value.name, this.parseExpression()]);
      } else if (named.length > 0) this.fail('a positional argument follows a named one', token?.lineno);
      else positional.push(value);
    });
    return { positional, named };
  }

  #dotted(): string {
    let name = this.expect(lexer.TOKEN_SYMBOL).value;
    while (this.skipValue(lexer.TOKEN_OPERATOR, '.')) name += `.${this.expect(lexer.TOKEN_SYMBOL).value}`;
    return name;
  }

  #filtersAndTests(start: Expression): Expression {
    let node = start;
    for (;;) {
      const token = this.peekToken();
      if (this.skip('pipe')) {
        const name = this.#dotted();
        if (!filters.has(name)) this.unsupported(`the filter '${name}'`, token);
        const args = this.isType('left-paren') ? this.parseArguments() : noArguments;
        this.#checkNested(name, args, token);
        node = this.node({ kind: 'filter', target: node, name, args });
      } else if (this.skipSymbol('is')) node = this.#test(node, token);
      else if (this.isType('left-paren')) this.unsupported('calling a value', token);
      else return node;
    }
  }

  // map('x') and select('x') name a filter or a test in a string: one that is written out is checked like any other.
  #checkNested(filter: string, args: Arguments, token: Token | null): void {
    const named = args.positional[filter.endsWith('attr') ? 1 : 0];
    if (named?.kind !== 'literal' || typeof named.value !== 'string') return;
    if (filter === 'map' && !filters.has(named.value)) this.unsupported(`the filter '${named.value}'`, token);
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
    return { positional: [this.nested(() => this.#postfix(this.parsePrimary()))], named: [] };
  }
}
