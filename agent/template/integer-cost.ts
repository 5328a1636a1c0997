// What one operation on a large integer costs in steps. Writing, reading, multiplying and dividing take time that grows with the square of
// the digits, so the charge does too; small integers cost nothing beside the evaluation itself. Finding the charge never writes the digits.

/** Whatever counts the steps of a rendering. */
export interface Meter {
  step(count: number): void;
}

const digitsPerBit = Math.log10(2);
// Comparing with a power of two looks at the sizes only. The last is above anything that arithmetic leaves behind.
const sizes = [1024, 2048, 4096, 6144, 8192, 10_240, 12_288, 14_336, 16_384, 24_576, 32_768].map((bits) => ({
  bits,
  from: 1n << BigInt(bits),
}));

/** The charge for one operation on an integer written with this many decimal digits. */
export function digitSteps(digits: number): number {
  return digits <= 20 ? 0 : digits / 64 + (digits * digits) / 65_536;
}

export function bitSteps(bits: number): number {
  return digitSteps(bits * digitsPerBit);
}

function isSmall(value: bigint): boolean {
  return value >= -9007199254740991n && value <= 9007199254740991n;
}

/** The charge for one operation on this integer. */
export function integerSteps(value: bigint): number {
  if (isSmall(value)) return 0;
  const size = value < 0n ? -value : value;
  return bitSteps(sizes.find(({ from }) => size < from)?.bits ?? 65_536);
}
