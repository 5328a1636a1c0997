// Python's arithmetic on int (bigint), float (number) and bool. Sizes are checked before a result is computed.
import { bitSteps, digitSteps, integerSteps, type Meter } from './integer-cost.ts';
import { fail, halt, type Value } from './value.ts';

export type NumberValue = bigint | number;
/** 4300 decimal digits, Python's own limit for printing, in bits. */
const maxBits = 14300;

export function asNumber(value: Value): NumberValue | null {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return typeof value === 'boolean' ? (value ? 1n : 0n) : null;
}

function bitLength(value: bigint): number {
  const hex = (value < 0n ? -value : value).toString(16);
  return hex === '0' ? 0 : (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex.slice(0, 1), 16)));
}

function sized(bits: number): void {
  if (bits > maxBits) halt('template_budget', `an integer needs more than ${maxBits} bits`);
}

/** float(int); too large a value is Python's OverflowError. */
export function toFloat(value: NumberValue): number {
  const result = Number(value);
  if (typeof value === 'bigint' && !Number.isFinite(result)) fail('int too large to convert to float');
  return result;
}

/** int(float): towards zero. */
export function truncate(value: number): bigint {
  if (!Number.isFinite(value)) fail('cannot convert float infinity or NaN to integer');
  return BigInt(Math.trunc(value));
}

// The quotient of two integers, rounded once: 66 significant bits and a sticky bit are left to the final conversion.
function trueDivide(left: bigint, right: bigint): number {
  const small = BigInt(Number.MAX_SAFE_INTEGER);
  const [a, b] = [left < 0n ? -left : left, right < 0n ? -right : right];
  if (a <= small && b <= small) return Number(left) / Number(right);
  const shift = 66 - (bitLength(a) - bitLength(b));
  const [top, bottom] = shift >= 0 ? [a << BigInt(shift), b] : [a, b << BigInt(-shift)];
  const quotient = (top / bottom) | (top % bottom === 0n ? 0n : 1n);
  const result = Number(quotient) * 2 ** -shift;
  if (!Number.isFinite(result)) fail('integer division result too large for a float');
  return left < 0n === right < 0n ? result : -result;
}

function floorDivide(left: bigint, right: bigint): bigint {
  const quotient = left / right;
  return left % right !== 0n && left < 0n !== right < 0n ? quotient - 1n : quotient;
}

function floorModulo(left: bigint, right: bigint): bigint {
  const rest = left % right;
  return rest !== 0n && rest < 0n !== right < 0n ? rest + right : rest;
}

// CPython's float_divmod.
function floatDivmod(left: number, right: number): [number, number] {
  let rest = left % right;
  let quotient = (left - rest) / right;
  if (rest !== 0) {
    if (right < 0 !== rest < 0) {
      rest += right;
      quotient -= 1;
    }
  } else rest = right < 0 ? -0 : 0;
  if (quotient === 0) return [left / right < 0 || Object.is(left / right, -0) ? -0 : 0, rest];
  const floor = Math.floor(quotient);
  return [quotient - floor > 0.5 ? floor + 1 : floor, rest];
}

function power(left: NumberValue, right: NumberValue, meter: Meter): NumberValue {
  if (typeof left === 'bigint' && typeof right === 'bigint' && right >= 0n) {
    if (left === 0n || left === 1n) return right === 0n ? 1n : left;
    if (left === -1n) return right % 2n === 0n ? 1n : -1n;
    if (right > BigInt(maxBits)) sized(maxBits + 1);
    sized((bitLength(left) - 1) * Number(right));
    meter.step(bitSteps(bitLength(left) * Number(right)));
    return left ** right;
  }
  const [a, b] = [toFloat(left), toFloat(right)];
  if (a === 0 && b < 0) fail('0.0 cannot be raised to a negative power');
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b))
    halt('template_unsupported', 'a fractional power of a negative number is complex');
  if (a === 1 || b === 0) return 1;
  const result = a ** b;
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) fail('numerical result out of range');
  return result;
}

export type Operator = '+' | '-' | '*' | '/' | '//' | '%' | '**';

function integers(operator: Exclude<Operator, '**'>, left: bigint, right: bigint): NumberValue {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      sized(bitLength(left) + bitLength(right) - 1);
      return left * right;
    case '/':
      return trueDivide(left, right);
    case '//':
      return floorDivide(left, right);
    case '%':
      return floorModulo(left, right);
    default:
      return operator satisfies never;
  }
}

/** One arithmetic operation. @throws Halt template_error for a division by zero, template_budget for an integer that grows too large. */
export function arithmetic(operator: Operator, left: NumberValue, right: NumberValue, meter: Meter): NumberValue {
  for (const side of [left, right]) if (typeof side === 'bigint') meter.step(integerSteps(side));
  if (operator === '**') return power(left, right, meter);
  if ((operator === '/' || operator === '//' || operator === '%') && Number(right) === 0) fail('division by zero');
  if (typeof left === 'bigint' && typeof right === 'bigint') {
    const result = integers(operator, left, right);
    if (typeof result === 'bigint' && (operator === '+' || operator === '-')) sized(bitLength(result));
    return result;
  }
  const [a, b] = [toFloat(left), toFloat(right)];
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return floatDivmod(a, b)[0];
    case '%':
      return floatDivmod(a, b)[1];
    default:
      return operator satisfies never;
  }
}

/** A float's exact value has up to 1074 binary digits behind the point. */
export const scaleSteps = 4;

/** |value| as an integer count of 10^-digits, rounded half to even on the exact binary value. */
export function scaled(value: number, digits: number): bigint {
  if (!Number.isFinite(value)) return halt('template_unsupported', 'formatting inf or nan');
  let power = 0;
  let mantissa = Math.abs(value);
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    power += 1;
  }
  const scale = 10n ** BigInt(Math.abs(digits));
  const top = digits >= 0 ? BigInt(mantissa) * scale : BigInt(mantissa);
  const bottom = (1n << BigInt(power)) * (digits >= 0 ? 1n : scale);
  const quotient = top / bottom;
  const twice = (top % bottom) * 2n;
  return twice > bottom || (twice === bottom && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

/** '%.{digits}f' of a finite float; digits is 0 to 400. */
export function fixed(value: number, digits: number, meter: Meter): string {
  meter.step(scaleSteps + digitSteps(digits));
  const all = String(scaled(value, digits)).padStart(digits + 1, '0');
  const whole = all.slice(0, all.length - digits);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return digits === 0 ? sign + whole : `${sign}${whole}.${all.slice(all.length - digits)}`;
}

/** round(value, digits) of Python. */
export function roundNumber(value: NumberValue, digits: number, meter: Meter): NumberValue {
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || digits > 400) return value;
    if (digits < -400) return value < 0 ? -0 : 0;
    if (digits >= 0) return Number(fixed(value, digits, meter));
    meter.step(scaleSteps + digitSteps(-digits));
    const result = Number(`${scaled(value, digits)}e${-digits}`);
    return value < 0 || Object.is(value, -0) ? -result : result;
  }
  if (digits >= 0) return value;
  if (-digits > 4400) return 0n;
  meter.step(digitSteps(-digits) + integerSteps(value));
  const unit = 10n ** BigInt(-digits);
  const size = value < 0n ? -value : value;
  const [quotient, twice] = [size / unit, (size % unit) * 2n];
  const rounded = (twice > unit || (twice === unit && quotient % 2n === 1n) ? quotient + 1n : quotient) * unit;
  return value < 0n ? -rounded : rounded;
}
