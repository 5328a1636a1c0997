// What every parsing rule uses: token handling from nunjucks' parser, refusals with a line, and the two limits on nesting.
import lexer from 'nunjucks/src/lexer.js';
import nunjucks, { type Token } from 'nunjucks/src/parser.js';
import { childrenOf, type Expression } from './tree.ts';
import { halt } from './value.ts';

const maxDepth = 120;

export class TokenParser extends nunjucks.Parser {
  readonly #depths = new WeakMap<Expression, number>();
  #nesting = 0;

  override fail(message: string, lineno?: number): never {
    const line = lineno ?? this.peekToken()?.lineno;
    return halt('template_syntax', line === undefined ? `end of template: ${message}` : `line ${line + 1}: ${message}`);
  }

  unsupported(what: string, token: Token | null, reason?: string): never {
    const why = reason === undefined ? '' : `: ${reason}`;
    return halt('template_unsupported', `line ${(token?.lineno ?? 0) + 1}: ${what} is not supported${why}`);
  }

  /** Runs a recursive rule one level deeper. */
  protected nested<T>(rule: () => T): T {
    this.#nesting += 1;
    if (this.#nesting > maxDepth) halt('template_budget', `the template is nested deeper than ${maxDepth} levels`);
    const result = rule();
    this.#nesting -= 1;
    return result;
  }

  // Left-deep chains nest without recursion here, but the interpreter would recurse: so the height is counted as the tree grows.
  protected node<T extends Expression>(node: T): T {
    let height = 0;
    for (const child of childrenOf(node)) height = Math.max(height, this.#depths.get(child) ?? 0);
    if (height >= maxDepth) halt('template_budget', `an expression is nested deeper than ${maxDepth} levels`);
    this.#depths.set(node, height + 1);
    return node;
  }

  /** The token that must be there: inside a tag there is always one, the end of the tag at last. */
  protected next(): Token {
    return this.nextToken() ?? this.fail('the template ends too early');
  }

  protected isOperator(...values: readonly string[]): boolean {
    const token = this.peekToken();
    return token !== null && token.type === lexer.TOKEN_OPERATOR && values.includes(token.value);
  }

  protected isType(type: string): boolean {
    return this.peekToken()?.type === type;
  }

  protected isSymbol(value: string): boolean {
    const token = this.peekToken();
    return token?.type === lexer.TOKEN_SYMBOL && token.value === value;
  }
}
