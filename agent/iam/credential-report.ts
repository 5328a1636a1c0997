// The lines of a credential report (CSV with a header, RFC 4180; AWS quotes nothing today, and a user name may hold a comma) as records.

/** One line's fields, and where the next line begins. */
function readLine(text: string, start: number): { readonly fields: readonly string[]; readonly next: number } {
  const fields: string[] = [];
  let at = start;
  for (;;) {
    let field = '';
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const close = text.indexOf('"', at);
        const end = close === -1 ? text.length : close;
        field += text.slice(at, end);
        at = end + 1;
        if (text[at] !== '"') break;
        field += '"';
        at += 1;
      }
    }
    let end = at;
    while (end < text.length && text[end] !== ',' && text[end] !== '\n') end += 1;
    field += text.slice(at, end);
    at = end;
    if (text[at] === ',') {
      fields.push(field);
      at += 1;
      continue;
    }
    fields.push(field.endsWith('\r') ? field.slice(0, -1) : field);
    return { fields, next: at + 1 };
  }
}

/** AWS's have about thirty columns of at most thirty characters. */
const maxColumns = 100;
const maxHeaderCharacters = 8_192;

type ReportRecord = Readonly<Record<string, string>>;

/** The records, read as they are asked for. Null: it is no report (another header than AWS's, or a line with another number of fields). */
export function readReport(text: string): Iterable<ReportRecord> | null {
  const { fields: names, next } = readLine(text, text.startsWith('\ufeff') ? 1 : 0);
  const fits = names.length <= maxColumns && next <= maxHeaderCharacters && new Set(names).size === names.length;
  if (names[0] !== 'user' || names[1] !== 'arn' || !fits) return null;
  // The whole is looked at before the first record is given: half a report would pass for a short one.
  for (const fields of lines(text, next)) if (fields.length !== names.length) return null;
  return records(text, next, names);
}

function* lines(text: string, start: number): Generator<readonly string[]> {
  for (let at = start; at < text.length;) {
    const { fields, next } = readLine(text, at);
    at = next;
    if (fields.length > 1 || fields[0] !== '') yield fields;
  }
}

function* records(text: string, start: number, names: readonly string[]): Generator<ReportRecord> {
  for (const fields of lines(text, start))
    yield Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']));
}
