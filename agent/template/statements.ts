// Statements: nunjucks' parser reads text and output and finds the tags; each tag follows Jinja2's grammar here, and a tag without a rule
// is refused by name. The nodes are turned into the closed tree at once.
import lexer from 'nunjucks/src/lexer.js';
import type { ParserNode, Token } from 'nunjucks/src/parser.js';
import { freeNames } from './free-names.ts';
import { ExpressionParser } from './parser.ts';
import { refusedTags } from './refused.ts';
import { tokenize } from './tokens.ts';
import { type AppliedFilter, type Block, type Expression, type Statement, type Target } from './tree.ts';
import { fail } from './value.ts';

interface Own {
  readonly typename: 'Own';
  readonly statements: readonly Statement[];
}
// The fields that nunjucks' parser fills in the node types it builds here (src/nodes.js).
interface Parsed extends ParserNode {
  readonly children?: readonly (Parsed | Own | Expression)[];
  readonly value?: string;
}
type Parameters = readonly (readonly [string, Expression | null])[];

const constants = new Set(['true', 'false', 'none', 'True', 'False', 'None']);
const specialNames = ['caller', 'kwargs', 'varargs'] as const;

class StatementParser extends ExpressionParser {
  #loops = 0;
  readonly #tags: ReadonlyMap<string, () => readonly Statement[]> = new Map([
    ['if', () => [this.#if()]],
    ['for', () => [this.#for()]],
    ['set', () => [this.#set()]],
    ['with', () => [this.#with()]],
    ['filter', () => [this.#filter()]],
    ['macro', () => [this.#macro()]],
    ['call', () => [this.#call()]],
    ['print', () => this.#print()],
  ]);

  override parseStatement(): unknown {
    const token = this.peekToken();
    if (token === null || token.type !== lexer.TOKEN_SYMBOL) return this.fail('expected the name of a tag');
    if (this.breakOnBlocks?.includes(token.value) === true) return null;
    const rule = this.#tags.get(token.value);
    if (rule !== undefined) {
      this.nextToken();
      return this.nested((): Own => ({ typename: 'Own', statements: rule() }));
    }
    if (/^(?:end|el)/.test(token.value)) return this.fail(`unexpected tag '${token.value}'`, token.lineno);
    return this.unsupported(`the tag '${token.value}'`, token, refusedTags.get(token.value));
  }

  template(): Block {
    const parsed = block(this.parseAsRoot());
    this.checkCalls();
    return parsed;
  }

  #body(...ends: readonly string[]): Block {
    return block(this.parseUntilBlocks(...ends));
  }

  /** The end of the tag that was read, its body and the end tag. */
  #wrapped(tag: string): Block {
    this.advanceAfterBlockEnd(tag);
    const body = this.#body(`end${tag}`);
    this.advanceAfterBlockEnd();
    return body;
  }

  #name(token: Token): string {
    if (token.type !== lexer.TOKEN_SYMBOL || constants.has(token.value))
      this.fail(`cannot assign to '${token.value}'`, token.lineno);
    if (token.value === 'loop' && this.#loops > 0) this.fail("cannot assign to 'loop' in a loop", token.lineno);
    this.assigned.add(token.value);
    return token.value;
  }

  #oneTarget(members: boolean): Target {
    if (this.skip('left-paren')) {
      const inner = this.#target(false);
      this.expect('right-paren');
      return inner;
    }
    const token = this.next();
    if (members && this.isOperator('.')) {
      this.next();
      return { kind: 'member', name: token.value, member: this.expect(lexer.TOKEN_SYMBOL).value };
    }
    return { kind: 'name', name: this.#name(token) };
  }

  #target(members: boolean): Target {
    return this.nested(() => {
      const first = this.#oneTarget(members);
      if (!this.isType('comma')) return first;
      const targets = [first];
      while (this.skip('comma') && !this.#targetsEnd()) targets.push(this.#oneTarget(members));
      return { kind: 'several', targets };
    });
  }

  #targetsEnd(): boolean {
    return this.isType('right-paren') || this.isType(lexer.TOKEN_BLOCK_END);
  }

  #if(): Statement {
    const condition = this.tuple(() => this.parseOr());
    this.advanceAfterBlockEnd('if');
    const yes = this.#body('elif', 'else', 'endif');
    if (this.skipSymbol('elif')) return { kind: 'if', condition, yes, no: [this.nested(() => this.#if())] };
    let no: Block = [];
    if (this.skipSymbol('else')) {
      this.advanceAfterBlockEnd('else');
      no = this.#body('endif');
    }
    this.advanceAfterBlockEnd();
    return { kind: 'if', condition, yes, no };
  }

  #for(): Statement {
    this.#loops += 1;
    const targets = this.#target(false);
    if (!this.skipSymbol('in')) this.fail("expected 'in'");
    const items = this.tuple(() => this.parseOr());
    const only = this.skipSymbol('if') ? this.expression() : null;
    const recursive = this.skipSymbol('recursive');
    this.advanceAfterBlockEnd('for');
    const body = this.#body('endfor', 'else');
    let otherwise: Block = [];
    if (this.skipSymbol('else')) {
      this.advanceAfterBlockEnd('else');
      otherwise = this.#body('endfor');
    }
    this.advanceAfterBlockEnd();
    this.#loops -= 1;
    return { kind: 'for', targets, items, only, recursive, body, otherwise };
  }

  #set(): Statement {
    const target = this.#target(true);
    if (this.skipValue(lexer.TOKEN_OPERATOR, '=')) {
      const value = this.tuple(() => this.expression());
      this.advanceAfterBlockEnd('set');
      return { kind: 'set', target, value };
    }
    return { kind: 'set_block', target, filters: this.#pipes(), body: this.#wrapped('set') };
  }

  #pipes(): AppliedFilter[] {
    const applied: AppliedFilter[] = [];
    while (this.skip('pipe')) applied.push(this.appliedFilter());
    return applied;
  }

  #filter(): Statement {
    const filters = [this.appliedFilter(), ...this.#pipes()];
    return { kind: 'filter_block', filters, body: this.#wrapped('filter') };
  }

  #with(): Statement {
    const assigned: { target: Target; value: Expression }[] = [];
    while (!this.isType(lexer.TOKEN_BLOCK_END)) {
      if (assigned.length > 0) this.expect('comma');
      const target = this.#target(false);
      if (!this.skipValue(lexer.TOKEN_OPERATOR, '=')) this.fail("expected '='");
      assigned.push({ target, value: this.expression() });
    }
    return { kind: 'with', assigned, body: this.#wrapped('with') };
  }

  #parameters(): Parameters {
    const parameters: (readonly [string, Expression | null])[] = [];
    this.expect('left-paren');
    while (!this.skip('right-paren')) {
      if (parameters.length > 0) this.expect('comma');
      const token = this.next();
      const name = this.#name(token);
      if (name === 'caller') this.unsupported("a parameter named 'caller'", token);
      if (parameters.some(([other]) => other === name)) this.fail(`the parameter '${name}' occurs twice`);
      const value = this.skipValue(lexer.TOKEN_OPERATOR, '=') ? this.expression() : null;
      if (value === null && (parameters.at(-1)?.[1] ?? null) !== null)
        this.fail('a parameter without default follows one with a default', token.lineno);
      parameters.push([name, value]);
    }
    return parameters;
  }

  #definition(name: string | null, parameters: Parameters, tag: string): Extract<Statement, { kind: 'macro' }> {
    const body = this.#wrapped(tag);
    const bound = new Set(parameters.map(([parameter]) => parameter));
    const free = freeNames(body);
    const special = new Set(specialNames.filter((one) => free.includes(one) && !bound.has(one)));
    return { kind: 'macro', macro: { name, parameters, body, special } };
  }

  #macro(): Statement {
    const name = this.#name(this.next());
    return this.#definition(name, this.#parameters(), 'macro');
  }

  #call(): Statement {
    const parameters = this.isType('left-paren') ? this.#parameters() : [];
    const token = this.peekToken();
    const call = this.expression();
    if (call.kind !== 'call' && call.kind !== 'method') this.fail('expected a call', token?.lineno);
    return { kind: 'call_block', macro: this.#definition(null, parameters, 'call').macro, call };
  }

  #print(): Statement[] {
    const printed: Statement[] = [];
    while (!this.isType(lexer.TOKEN_BLOCK_END)) {
      if (printed.length > 0) this.expect('comma');
      printed.push({ kind: 'output', expression: this.expression() });
    }
    this.advanceAfterBlockEnd('print');
    return printed;
  }
}

function block(node: ParserNode): Block {
  const parsed: Parsed = node;
  return (parsed.children ?? []).flatMap((child) => statements(child));
}

function statements(node: Parsed | Own | Expression): readonly Statement[] {
  if ('kind' in node) return [{ kind: 'output', expression: node }];
  if ('statements' in node) return node.statements;
  if (node.typename === 'Output') return (node.children ?? []).flatMap((child) => statements(child));
  if (node.typename === 'TemplateData') return [{ kind: 'text', text: node.value ?? '' }];
  return fail(`the parser made a node of an unknown kind: ${node.typename}`);
}

/** Parses a template. @throws Halt template_syntax, template_unsupported, template_budget. */
export function parseTemplate(source: string): Block {
  const tokens = tokenize(source);
  let at = 0;
  // nunjucks' parser looks at the tags only for the signs of white space control, which are gone by now.
  const tags = { BLOCK_START: '{%', BLOCK_END: '%}', VARIABLE_START: '{{', VARIABLE_END: '}}', COMMENT_START: '{#' };
  return new StatementParser({ nextToken: () => tokens[at++] ?? null, tags }).template();
}
