// Loaded before a program (node --import): its wall clock is off by the milliseconds that the file FAULTS_CLOCK holds, from the moment at which they
// are written. The monotonic clock and timers are not touched, as when an operator or NTP sets the clock of a machine.
import { readFileSync } from 'node:fs';

const file = process.env['FAULTS_CLOCK'] ?? '';
const Real = Date;

function nowMs(): number {
  return Real.now() + Number(readFileSync(file, 'utf8'));
}

globalThis.Date = new Proxy(Real, {
  construct(target, given, self) {
    const values = given.length === 0 ? [nowMs()] : given;
    return Reflect.construct(target, values, self) as Date;
  },
  apply: () => new Real(nowMs()).toString(),
  get: (target, name, self) => (name === 'now' ? nowMs : (Reflect.get(target, name, self) as unknown)),
});
