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

/** Null: it is no report (another header than AWS's, or a line with another number of fields). At most `maxRecords`, the first ones. */
export function reportRecords(text: string, maxRecords = Infinity): readonly Readonly<Record<string, string>>[] | null {
  const { fields: names, next } = readLine(text, text.startsWith('\ufeff') ? 1 : 0);
  const fits = names.length <= maxColumns && next <= maxHeaderCharacters && new Set(names).size === names.length;
  if (names[0] !== 'user' || names[1] !== 'arn' || !fits) return null;
  const records: Readonly<Record<string, string>>[] = [];
  for (let at = next; at < text.length && records.length < maxRecords;) {
    const line = readLine(text, at);
    at = line.next;
    if (line.fields.length === 1 && line.fields[0] === '') continue;
    if (line.fields.length !== names.length) return null;
    records.push(Object.fromEntries(names.map((name, index) => [name, line.fields[index] ?? ''])));
  }
  return records;
}
