// Statements: nunjucks parses text, output and {% if %}; {% for %} and {% set %} follow Jinja2 here; every other tag is refused by name.
// Its nodes are turned into the closed tree at once.
import lexer from 'nunjucks/src/lexer.js';
import type { ParserNode, Token } from 'nunjucks/src/parser.js';
import { ExpressionParser } from './parser.ts';
import { tokenize } from './tokens.ts';
import type { Block, Expression, Statement, Targets } from './tree.ts';
import { fail } from './value.ts';

interface Own {
  readonly typename: 'Own';
  readonly statement: Statement;
}
// The fields that nunjucks' parser fills in the four node types it builds here (src/nodes.js).
interface Parsed extends ParserNode {
  readonly children?: readonly (Parsed | Own | Expression)[];
  readonly value?: string;
  readonly cond?: Expression;
  readonly body?: Parsed;
  readonly else_?: Parsed | null;
}

const reserved = new Set(['true', 'false', 'none', 'True', 'False', 'None', 'loop', 'self']);

class StatementParser extends ExpressionParser {
  override parseStatement(): unknown {
    const token = this.peekToken();
    if (token === null || token.type !== lexer.TOKEN_SYMBOL) return this.fail('expected the name of a tag');
    if (this.breakOnBlocks?.includes(token.value) === true) return null;
    return this.nested(() => {
      if (token.value === 'if') return this.parseIf();
      if (token.value === 'for') return this.parseFor(token);
      if (token.value === 'set') return this.parseSet(token);
      if (/^(?:end|el)/.test(token.value)) return this.fail(`unexpected tag '${token.value}'`, token.lineno);
      return this.unsupported(`the tag '${token.value}'`, token);
    });
  }

  override parseIf(): unknown {
    // nunjucks reads elif by calling parseIf again, and also takes `elseif`, which Jinja2 does not know.
    if (this.peekToken()?.value === 'elseif') this.fail("unexpected tag 'elseif'");
    return this.nested(() => super.parseIf());
  }

  #targets(end: string): Targets {
    const names: string[] = [];
    const grouped = this.skip('left-paren');
    let unpack = false;
    for (;;) {
      const token = this.next();
      if (token.type === 'left-paren') this.unsupported('a nested target', token);
      if (token.type !== lexer.TOKEN_SYMBOL || reserved.has(token.value))
        this.fail(`cannot assign to '${token.value}'`, token.lineno);
      names.push(token.value);
      if (!this.skip('comma')) break;
      unpack = true;
      const after = this.peekToken();
      if (after?.value === end || after?.type === 'right-paren') break;
    }
    if (grouped) this.expect('right-paren');
    const dot = this.peekToken();
    if (dot?.value === '.') this.unsupported('assigning to a member', dot);
    return { names, unpack };
  }

  #tuple(): Expression {
    const first = this.parseExpression();
    if (this.peekToken()?.type === 'comma') this.unsupported('a tuple without parentheses', this.peekToken());
    return first;
  }

  parseFor(token: Token): Own {
    this.nextToken();
    const targets = this.#targets('in');
    if (!this.skipSymbol('in')) this.fail("expected 'in'");
    const items = this.parseOr();
    if (this.peekToken()?.type === 'comma') this.unsupported('a tuple without parentheses', token);
    const only = this.skipSymbol('if') ? this.parseExpression() : null;
    if (this.peekToken()?.value === 'recursive') this.unsupported('a recursive loop', token);
    this.advanceAfterBlockEnd('for');
    const body = block(this.parseUntilBlocks('endfor', 'else'));
    let otherwise: Block = [];
    if (this.skipSymbol('else')) {
      this.advanceAfterBlockEnd('else');
      otherwise = block(this.parseUntilBlocks('endfor'));
    }
    this.advanceAfterBlockEnd();
    return own({ kind: 'for', targets, items, only, body, otherwise });
  }

  parseSet(token: Token): Own {
    this.nextToken();
    const targets = this.#targets('=');
    if (!this.skipValue(lexer.TOKEN_OPERATOR, '=')) this.unsupported("a block form of 'set'", token);
    const value = this.#tuple();
    this.advanceAfterBlockEnd('set');
    return own({ kind: 'set', targets, value });
  }
}

function own(statement: Statement): Own {
  return { typename: 'Own', statement };
}

function isExpression(node: Parsed | Own | Expression): node is Expression {
  return 'kind' in node;
}

function block(node: ParserNode | null | undefined): Block {
  const parsed: Parsed | null | undefined = node;
  if (!parsed) return [];
  // An elif arrives as an If in the place of a list.
  if (parsed.typename === 'If') return statement(parsed);
  return (parsed.children ?? []).flatMap((child) => statement(child));
}

function statement(node: Parsed | Own | Expression): Statement[] {
  if (isExpression(node)) return [{ kind: 'output', expression: node }];
  if ('statement' in node) return [node.statement];
  if (node.typename === 'Output') return (node.children ?? []).flatMap((child) => statement(child));
  if (node.typename === 'TemplateData') return [{ kind: 'text', text: node.value ?? '' }];
  if (node.typename === 'If' && node.cond !== undefined)
    return [{ kind: 'if', condition: node.cond, yes: block(node.body), no: block(node.else_) }];
  return fail(`the parser made a node of an unknown kind: ${node.typename}`);
}

/** Parses a template. @throws Halt template_syntax, template_unsupported, template_budget. */
export function parseTemplate(source: string): Block {
  const tokens = tokenize(source);
  let at = 0;
  // nunjucks' parser looks at the tags only for the signs of white space control, which are gone by now.
  const tags = { BLOCK_START: '{%', BLOCK_END: '%}', VARIABLE_START: '{{', VARIABLE_END: '}}', COMMENT_START: '{#' };
  return block(new StatementParser({ nextToken: () => tokens[at++] ?? null, tags }).parseAsRoot());
}
