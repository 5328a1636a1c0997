// Operands: literals, names, brackets, members, subscripts and calls, by Jinja2's grammar.
import lexer from 'nunjucks/src/lexer.js';
import { functions } from './functions.ts';
import { integer, symbol } from './literals.ts';
import { methodNames } from './methods.ts';
import { TokenParser } from './token-parser.ts';
import type { Arguments, Expression } from './tree.ts';
import { halt } from './value.ts';

export abstract class OperandParser extends TokenParser {
  /** Names that the template assigns anywhere: only these and the functions can be called. */
  protected readonly assigned = new Set<string>(['loop', 'caller']);
  readonly #called: { readonly name: string; readonly line: number }[] = [];

  /** A whole expression without a comma. */
  protected abstract expression(): Expression;

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
        return this.node({ kind: 'list', items: this.#until('right-bracket', () => this.expression()) });
      case 'left-curly':
        return this.node({ kind: 'dict', pairs: this.#until('right-curly', () => this.#pair()) });
      default:
        return this.fail(`unexpected '${token.value}'`, token.lineno);
    }
  }

  #pair(): readonly [Expression, Expression] {
    const key = this.expression();
    this.expect('colon');
    return [key, this.expression()];
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
    const first = this.expression();
    if (this.skip('right-paren')) return first;
    this.expect('comma');
    const items = [first, ...this.#until('right-paren', () => this.expression())];
    return this.node({ kind: 'tuple', items });
  }

  protected postfix(start: Expression): Expression {
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
    const members: Expression[] = [];
    let last: Expression | null = null;
    while (!this.skip('right-bracket')) {
      if (this.isType('comma') && bounds.length > 0) this.unsupported('a slice in a tuple', this.peekToken());
      if (this.skip('colon')) {
        bounds.push(last);
        last = null;
        if (bounds.length > 2 || members.length > 0) this.fail('a slice has at most three parts');
      } else if (last === null) last = this.expression();
      else {
        this.expect('comma');
        members.push(last);
        last = this.expression();
      }
    }
    if (bounds.length > 0) return this.node({ kind: 'slice', target, bounds: [...bounds, last] });
    if (last === null) return this.fail('a subscript is empty');
    const index = members.length === 0 ? last : this.node({ kind: 'tuple' as const, items: [...members, last] });
    return this.node({ kind: 'item', target, index });
  }

  #call(callee: Expression): Expression {
    const token = this.peekToken();
    if (callee.kind === 'attribute') {
      if (!methodNames.has(callee.name)) this.unsupported(`calling '${callee.name}'`, token);
      return this.node({ kind: 'method', target: callee.target, name: callee.name, args: this.parseArguments() });
    }
    if (callee.kind !== 'name') return this.unsupported('calling a value', token);
    this.#called.push(callee);
    return this.node({ kind: 'call', name: callee.name, line: callee.line, args: this.parseArguments() });
  }

  /** A call of what can only be a column or nothing is refused when the whole template has been read. */
  protected checkCalls(): void {
    for (const { name, line } of this.#called)
      if (!functions.has(name) && !this.assigned.has(name))
        halt('template_unsupported', `line ${line}: calling '${name}' is not supported`);
  }

  protected parseArguments(): Arguments {
    this.expect('left-paren');
    const named: (readonly [string, Expression])[] = [];
    const positional: Expression[] = [];
    let spread: Expression | null = null;
    let spreadNamed: Expression | null = null;
    const wrong = (): never => this.fail('the arguments of a call are in a wrong order');
    this.#until('right-paren', () => {
      if (this.isOperator('*')) {
        if (spread !== null || spreadNamed !== null) wrong();
        this.next();
        spread = this.expression();
        return;
      }
      if (this.isOperator('**')) {
        if (spreadNamed !== null) wrong();
        this.next();
        spreadNamed = this.expression();
        return;
      }
      const token = this.peekToken();
      const value = this.expression();
      if (this.isOperator('=') && value.kind === 'name') {
        if (spreadNamed !== null) wrong();
        this.next();
        if (named.some(([name]) => name === value.name)) this.fail(`'${value.name}' is given twice`, token?.lineno);
        named.push([value.name, this.expression()]);
      } else if (named.length > 0 || spread !== null || spreadNamed !== null) wrong();
      else positional.push(value);
    });
    return { positional, named, spread, spreadNamed };
  }
}
