// Floats with a given number of digits, rounded half to even on their exact binary value, as C and Python print them.
import { digitSteps, type Meter } from './integer-cost.ts';
import { fixed, scaled, scaleSteps } from './numbers.ts';

/** '%.{digits}e' of a finite float. */
function exponential(value: number, digits: number, meter: Meter): string {
  let exponent = value === 0 ? 0 : Number(Math.abs(value).toExponential().split('e')[1]);
  meter.step(scaleSteps + digitSteps(digits + Math.abs(exponent)));
  let all = String(scaled(value, digits - exponent)).padStart(digits + 1, '0');
  if (all.length > digits + 1) {
    exponent += 1;
    all = String(scaled(value, digits - exponent));
  }
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const fraction = digits === 0 ? '' : `.${all.slice(1)}`;
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${sign}${all.slice(0, 1)}${fraction}e${exponent < 0 ? '-' : '+'}${size}`;
}

/** '%.{precision}g' of a finite float. */
function general(value: number, precision: number, meter: Meter): string {
  const digits = Math.max(precision, 1);
  const long = exponential(value, digits - 1, meter);
  const [mantissa = '', power = '0'] = long.split('e');
  const exponent = Number(power);
  const trimmed = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= digits) return `${trimmed(mantissa)}e${power}`;
  return trimmed(fixed(value, digits - 1 - exponent, meter));
}

/** One of the conversions e, f and g and their capitals. */
export function formatFloat(value: number, conversion: string, digits: number, meter: Meter): string {
  const kind = conversion.toLowerCase();
  const text =
    kind === 'e'
      ? exponential(value, digits, meter)
      : kind === 'g'
        ? general(value, digits, meter)
        : fixed(value, digits, meter);
  return kind === conversion ? text : text.toUpperCase();
}
