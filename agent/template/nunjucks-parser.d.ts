// Types of the two nunjucks 3.2.4 modules that are used: the statement parser and its token kinds. Never its compiler, runtime or filters.
declare module 'nunjucks/src/lexer.js' {
  const lexer: {
    readonly TOKEN_STRING: 'string';
    readonly TOKEN_DATA: 'data';
    readonly TOKEN_BLOCK_START: 'block-start';
    readonly TOKEN_BLOCK_END: 'block-end';
    readonly TOKEN_VARIABLE_START: 'variable-start';
    readonly TOKEN_VARIABLE_END: 'variable-end';
    readonly TOKEN_OPERATOR: 'operator';
    readonly TOKEN_INT: 'int';
    readonly TOKEN_FLOAT: 'float';
    readonly TOKEN_SYMBOL: 'symbol';
  };
  export default lexer;
}

declare module 'nunjucks/src/parser.js' {
  export interface Token {
    readonly type: string;
    readonly value: string;
    readonly lineno: number;
    readonly colno: number;
  }
  export interface ParserNode {
    readonly typename: string;
    readonly lineno: number;
    readonly colno: number;
  }
  class Parser {
    constructor(tokens: { nextToken(): Token | null; readonly tags: Readonly<Record<string, string>> });
    readonly breakOnBlocks: readonly string[] | null;
    init(tokens: object): void;
    nextToken(withWhitespace?: boolean): Token | null;
    peekToken(): Token | null;
    pushToken(token: Token | null): void;
    fail(message: string, lineno?: number, colno?: number): never;
    skip(type: string): boolean;
    expect(type: string): Token;
    skipValue(type: string, value: string): boolean;
    skipSymbol(value: string): boolean;
    advanceAfterBlockEnd(name?: string): Token;
    parseIf(): unknown;
    parseStatement(): unknown;
    parseExpression(): unknown;
    parseUntilBlocks(...names: string[]): ParserNode;
    parseAsRoot(): ParserNode;
  }
  const parser: { readonly Parser: typeof Parser };
  export default parser;
}
