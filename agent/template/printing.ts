// Python's str() and repr() of every value: what {{ }} prints.
import { codePoints } from './code-points.ts';
import { integerSteps } from './integer-cost.ts';
import { checkDepth, halt, isNothing, need, type Value } from './value.ts';

/** repr of a float: the shortest digits, an exponent below 1e-4 and from 1e16 on. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', power = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(power);
  const sign = value < 0 ? '-' : '';
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

function escapeChar(char: string, quote: string): string {
  if (char === quote || char === '\\') return `\\${char}`;
  if (char === '\n') return '\\n';
  if (char === '\r') return '\\r';
  if (char === '\t') return '\\t';
  if (char === ' ' || !/[\p{C}\p{Z}]/u.test(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** repr of a text. */
export function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  if (/^[\w .,:/@+=-]*$/.test(text)) return `'${text}'`;
  return (
    quote +
    codePoints(text)
      .map((char) => escapeChar(char, quote))
      .join('') +
    quote
  );
}

/** Takes what printing costs: called with the characters of each piece, and steps beyond those, before it is built into the whole. */
export type Charge = (chars: number, steps?: number) => void;

export function repr(value: Value, charge: Charge, depth = 0): string {
  checkDepth(depth);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return integerText(value, charge);
  if (typeof value === 'number') return floatText(value);
  if (typeof value === 'string') {
    charge(value.length);
    return quoted(value);
  }
  const inner = (items: readonly Value[]): string => {
    charge(items.length * 2 + 2);
    return items.map((item) => repr(item, charge, depth + 1)).join(', ');
  };
  switch (value.kind) {
    case 'list':
      return `[${inner(value.items)}]`;
    case 'tuple':
      return value.items.length === 1 ? `(${inner(value.items)},)` : `(${inner(value.items)})`;
    case 'dict':
      charge(value.entries.size * 4 + 2);
      return `{${[...value.entries.values()].map(([k, v]) => `${repr(k, charge, depth + 1)}: ${repr(v, charge, depth + 1)}`).join(', ')}}`;
    case 'view':
      return `${value.form}([${inner(value.items)}])`;
    case 'range':
      return `range(${[value.start, value.stop, ...(value.step === 1n ? [] : [value.step])].map((end) => integerText(end, charge)).join(', ')})`;
    case 'undefined':
      return 'Undefined';
    case 'markup':
      return `Markup(${quoted(value.text)})`;
    case 'loop':
      return `<LoopContext ${value.index0 + 1}/${value.length}>`;
    case 'macro':
      return `<Macro ${value.name === null ? 'anonymous' : quoted(value.name)}>`;
    case 'namespace':
    case 'cycler':
    case 'joiner':
      return halt('template_unsupported', `printing a ${value.kind}`);
    case 'iterator':
      return halt('template_unsupported', 'a filter that yields one item at a time has no text: add |list or |join');
    default:
      return value satisfies never;
  }
}

// Python refuses to print more than 4300 digits (sys.set_int_max_str_digits).
function integerText(value: bigint, charge: Charge): string {
  if (value >= 1n << 14300n || value <= -(1n << 14300n)) halt('template_budget', 'an integer is too long to print');
  const steps = integerSteps(value);
  if (steps > 0) charge(0, steps);
  return String(value);
}

/** str(value). Undefined is refused. */
export function text(value: Value, charge: Charge): string {
  if (isNothing(value)) return '';
  const known = need(value);
  if (typeof known === 'string') return known;
  if (known !== null && typeof known === 'object' && known.kind === 'markup') return known.text;
  return repr(known, charge);
}
