// Reads an AWS answer as expat would for boto3, and nothing more: elements and text. A document type is refused, so there are no entities
// but the five of XML and character references; depth and size are bounded. Never used on anything but answers.

export interface XmlElement {
  /** Local name: a namespace prefix is dropped. */
  readonly name: string;
  /** Text before the first child element, which is what boto3 reads. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

export interface XmlFault {
  readonly kind: 'xml_fault';
  /** What is wrong and where; never a part of the document, which may hold a secret. */
  readonly detail: string;
}

/** Well above the largest page of IAM; what is above it would cost gigabytes as objects. `parts`: elements, attributes and other markup. */
export const xmlLimits = { depth: 64, bytes: 8 * 1024 * 1024, parts: 200_000 } as const;

interface Open {
  readonly name: string;
  text: string;
  children: XmlElement[];
}

/** Of elements without children, which are most: never written to. */
const none: XmlElement[] = [];

class Fault extends Error {}

const slash = 0x2f;
const greater = 0x3e;
const isLetter = (code: number): boolean => (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);

const namePattern = /[A-Za-z_:\u0080-\u{10ffff}][\w.:\-\u0080-\u{10ffff}]*/uy;
const attributePattern = /\s+([A-Za-z_:\u0080-\u{10ffff}][\w.:\-\u0080-\u{10ffff}]*)\s*=\s*("[^"<]*"|'[^'<]*')/uy;
const closePattern = /\s*(\/?)>/y;
const endNamePattern = /\s*>/y;
// Anything that XML 1.0 does not count as a character.
// oxlint-disable-next-line no-control-regex
const illegalCharacter = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/u;

/** From the ampersand to the semicolon: '&#' and ten digits. */
const maxReferenceChars = 12;
const named: ReadonlyMap<string, string> = new Map(
  Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }),
);

function reference(body: string): string {
  const known = named.get(body);
  if (known !== undefined) return known;
  const numeric = /^#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}))$/.exec(body);
  if (numeric === null) throw new Fault('an entity that XML does not define');
  const code = numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16);
  const text = code > 0x10ffff ? '' : String.fromCodePoint(code);
  if (text === '' || illegalCharacter.test(text)) throw new Fault('a reference to no character');
  return text;
}

// One search for each reference, which starts where the last one ended: the first that is none ends the reading.
function decodeText(raw: string): string {
  let at = raw.indexOf('&');
  if (at === -1) return raw;
  let text = '';
  let from = 0;
  for (; at !== -1; at = raw.indexOf('&', from)) {
    const end = raw.indexOf(';', at);
    if (end === -1 || end - at > maxReferenceChars) throw new Fault('an ampersand that starts no reference');
    text += raw.slice(from, at) + reference(raw.slice(at + 1, end));
    from = end + 1;
  }
  return text + raw.slice(from);
}

class Reader {
  readonly #source: string;
  #at = 0;
  #parts = 0;
  readonly #open: Open[] = [];
  /** The open elements' names with their prefixes. */
  readonly #names: string[] = [];
  #root: XmlElement | null = null;

  constructor(source: string) {
    this.#source = source;
  }

  get at(): number {
    return this.#at;
  }

  read(): XmlElement {
    if (illegalCharacter.test(this.#source)) throw new Fault('a character that XML does not allow');
    if (this.#source.startsWith('<?xml')) this.#skip('<?xml', '?>', 'an XML declaration');
    while (this.#at < this.#source.length) {
      const next = this.#source.indexOf('<', this.#at);
      if (next !== this.#at) this.#characters(this.#source.slice(this.#at, next === -1 ? undefined : next));
      if (next === -1) break;
      this.#at = next;
      if (!this.#plainTag()) this.#markup();
    }
    if (this.#open.length > 0) throw new Fault('the end inside an element');
    if (this.#root === null) throw new Fault('no element');
    return this.#root;
  }

  #characters(raw: string): void {
    this.#at += raw.length;
    const top = this.#open.at(-1);
    if (top === undefined) {
      if (/[^ \t\r\n]/.test(raw)) throw new Fault('text outside the document element');
      return;
    }
    if (raw.includes(']]>')) throw new Fault('the end of a CDATA section in text');
    if (top.children.length === 0) top.text += decodeText(raw);
    else decodeText(raw);
  }

  #part(): void {
    this.#parts += 1;
    if (this.#parts > xmlLimits.parts) throw new Fault(`more than ${xmlLimits.parts} elements`);
  }

  #markup(): void {
    this.#part();
    const rest = this.#source;
    if (rest.startsWith('<!--', this.#at)) {
      // Two hyphens end a comment, so the first two must be followed by its last character.
      this.#skip('<!--', '--', 'a comment');
      if (rest[this.#at] !== '>') throw new Fault('two hyphens inside a comment');
      this.#at += 1;
    } else if (rest.startsWith('<![CDATA[', this.#at)) {
      const start = this.#at + '<![CDATA['.length;
      this.#skip('<![CDATA[', ']]>', 'a CDATA section');
      const top = this.#open.at(-1);
      if (top === undefined) throw new Fault('a CDATA section outside the document element');
      if (top.children.length === 0) top.text += rest.slice(start, this.#at - 3);
    } else if (rest.startsWith('<!', this.#at)) {
      throw new Fault('a document type, which is not allowed');
    } else if (rest.startsWith('<?', this.#at)) {
      if (/^<\?xml[\s?]/i.test(rest.slice(this.#at, this.#at + 6))) throw new Fault('a late XML declaration');
      this.#skip('<?', '?>', 'a processing instruction');
    } else if (rest.startsWith('</', this.#at)) {
      this.#endTag();
    } else {
      this.#startTag();
    }
  }

  #skip(start: string, end: string, what: string): void {
    const found = this.#source.indexOf(end, this.#at + start.length);
    if (found === -1) throw new Fault(`${what} without an end`);
    this.#at = found + end.length;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #name(): string {
    const match = this.#match(namePattern);
    if (match === null) throw new Fault('markup without a name');
    return match[0];
  }

  /** `<Name>` and `</Name>` as AWS writes nearly all of them; false leaves the rest, and every fault, to the patterns. */
  #plainTag(): boolean {
    const source = this.#source;
    const open = this.#names.at(-1);
    if (source.charCodeAt(this.#at + 1) === slash) {
      if (open === undefined || !source.startsWith(open, this.#at + 2)) return false;
      const end = this.#at + 2 + open.length;
      if (source.charCodeAt(end) !== greater) return false;
      this.#part();
      this.#at = end + 1;
      this.#finish();
      return true;
    }
    let end = this.#at + 1;
    while (isLetter(source.charCodeAt(end))) end += 1;
    if (end === this.#at + 1 || source.charCodeAt(end) !== greater) return false;
    this.#part();
    const name = source.slice(this.#at + 1, end);
    this.#at = end + 1;
    this.#start(name, name);
    return true;
  }

  #startTag(): void {
    this.#at += 1;
    const qualified = this.#name();
    const seen = new Set<string>();
    for (let match = this.#match(attributePattern); match !== null; match = this.#match(attributePattern)) {
      const [, name = '', value = ''] = match;
      if (seen.has(name)) throw new Fault('an attribute twice');
      seen.add(name);
      this.#part();
      decodeText(value);
    }
    const close = this.#match(closePattern);
    if (close === null) throw new Fault('a start tag without an end');
    this.#start(qualified, qualified.slice(qualified.indexOf(':') + 1));
    if (close[1] === '/') this.#finish();
  }

  #start(qualified: string, name: string): void {
    if (this.#open.length === 0 && this.#root !== null) throw new Fault('a second document element');
    if (this.#open.length >= xmlLimits.depth) throw new Fault('elements nested too deep');
    this.#open.push({ name, text: '', children: none });
    this.#names.push(qualified);
  }

  #endTag(): void {
    this.#at += 2;
    const name = this.#name();
    if (this.#match(endNamePattern) === null || this.#names.at(-1) !== name) {
      throw new Fault('an end tag that does not match');
    }
    this.#finish();
  }

  #finish(): void {
    const done = this.#open.pop();
    if (done === undefined) throw new Fault('an end tag that does not match');
    this.#names.pop();
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = done;
    else if (parent.children === none) parent.children = [done];
    else parent.children.push(done);
  }
}

/** Parses UTF-8 bytes (or their text) to the document element, or says why not. */
export function readXml(body: Uint8Array | string): XmlElement | XmlFault {
  const fault = (detail: string): XmlFault => ({ kind: 'xml_fault', detail });
  if (body.length > xmlLimits.bytes) return fault('larger than the limit');
  let source: string;
  try {
    source = typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return fault('not UTF-8');
  }
  // XML 1.0 section 2.11: every line end is read as one line feed.
  // Splitting is faster than replacing where megabytes are carriage returns.
  const lines = source.includes('\r') ? source.replaceAll('\r\n', '\n').split('\r').join('\n') : source;
  const reader = new Reader(lines);
  try {
    return reader.read();
  } catch (error) {
    if (error instanceof Fault) return fault(`${error.message}, near character ${reader.at}`);
    throw error;
  }
}

export function isXmlFault(value: XmlElement | XmlFault): value is XmlFault {
  return 'kind' in value;
}

/** The first child with the name. */
export function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((candidate) => candidate.name === name);
}
