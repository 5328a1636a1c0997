// A timestamp of an AWS answer as Python prints it with isoformat(): the offset as sent, six digits of fraction only when there is one, no
// offset when none was sent. Text to text: a Date would round the fraction and lose the offset.

const isoPattern =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?\s*(Z|GMT|UTC|[+-]\d{2}(?::?\d{2})?)?)?$/i;
const rfcPattern =
  /^(?:[A-Za-z]{3,9},?\s+)?(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{4})\s+(\d{2}):(\d{2}):(\d{2})\s*(GMT|UTC|Z|[+-]\d{4})?$/;
const epochPattern = /^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const two = (value: number): string => String(value).padStart(2, '0');

function offsetText(zone: string | undefined): string | null {
  if (zone === undefined) return '';
  if (/^[A-Za-z]/.test(zone)) return '+00:00';
  const digits = zone.replace(':', '');
  const hours = Number(digits.slice(1, 3));
  const minutes = Number(digits.slice(3, 5) || '0');
  if (hours > 23 || minutes > 59) return null;
  if (hours === 0 && minutes === 0) return '+00:00';
  return `${zone.charAt(0)}${two(hours)}:${two(minutes)}`;
}

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly fraction: string;
  readonly zone: string | undefined;
}

function isReal({ year, month, day, hour, minute, second }: Omit<Parts, 'fraction' | 'zone'>): boolean {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const longest = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > longest) return false;
  return hour <= 23 && minute <= 59 && second <= 59;
}

function print(parts: Parts): string | null {
  if (!isReal(parts)) return null;
  const { year, month, day, hour, minute, second } = parts;
  const offset = offsetText(parts.zone);
  if (offset === null) return null;
  const micros = parts.fraction.padEnd(6, '0').slice(0, 6);
  const fraction = /[1-9]/.test(micros) ? `.${micros}` : '';
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  return `${date}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${offset}`;
}

function fromEpoch(text: string): string | null {
  const micros = Math.round(Number(text) * 1e6);
  const seconds = Math.floor(micros / 1e6);
  const date = new Date(seconds * 1000);
  if (!Number.isSafeInteger(micros) || Number.isNaN(date.getTime())) return null;
  return print({
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    fraction: String(micros - seconds * 1e6).padStart(6, '0'),
    zone: 'Z',
  });
}

/** As AWS sends nearly all of them, and all but printed. */
function printPlain(text: string): string | null {
  const part = (from: number, to: number): number => Number(text.slice(from, to));
  const [year, month, day] = [part(0, 4), part(5, 7), part(8, 10)];
  const real = isReal({ year, month, day, hour: part(11, 13), minute: part(14, 16), second: part(17, 19) });
  return real ? `${text.slice(0, 19)}+00:00` : null;
}

/** Null: no timestamp in a form that AWS sends. Numbers are seconds since 1970, printed in UTC. */
export function printTimestamp(source: string): string | null {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(source)) return printPlain(source);
  const text = source.trim();
  if (epochPattern.test(text) && !/^\d{8}$/.test(text)) return fromEpoch(text);
  const iso = isoPattern.exec(text);
  if (iso !== null) {
    const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = iso;
    return print({
      year: Number(year),
      month: Number(month),
      day: Number(day),
      hour: Number(hour),
      minute: Number(minute),
      second: Number(second),
      fraction,
      zone,
    });
  }
  const rfc = rfcPattern.exec(text);
  if (rfc === null) return null;
  const [, day, month = '', year, hour, minute, second, zone] = rfc;
  return print({
    year: Number(year),
    month: months.indexOf(month.toLowerCase()) + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    fraction: '',
    zone,
  });
}
