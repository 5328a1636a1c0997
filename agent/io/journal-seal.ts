// Seals every stored value that can hold customer data: AES-256-GCM, a fresh random nonce each, bound to its place so that a value moved to
// another row does not open. Each job has a key of its own (HKDF), which keeps random nonces far below the 2^32 values that one key may seal.
// Random and not counted: a restored snapshot would make a counter start again and use a nonce twice.
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';
import { JournalError } from './journal-error.ts';

const nonceBytes = 12;
const tagBytes = 16;
const cachedKeys = 1_000;
/** Nonces drawn at a time: one draw costs the system as much as hundreds of nonces. */
const drawnNonces = 256;

/** Where a value stands. `owner` is the job's or local run's id, or the name of a fact; `counter` the transaction that wrote it. */
export interface Place {
  readonly table:
    'job' | 'origin' | 'row' | 'progress' | 'entry' | 'fact' | 'check' | 'run' | 'run_intent' | 'run_entry';
  readonly owner: string;
  readonly number: number;
  readonly counter: number;
}

export class Sealer {
  readonly #key: Uint8Array;
  readonly #salt: Uint8Array;
  /** Key objects: from raw bytes a cipher takes three times as long. */
  readonly #keys = new Map<string, KeyObject>();
  readonly #drawn = Buffer.alloc(drawnNonces * nonceBytes);
  #used = drawnNonces;

  constructor(key: Uint8Array, salt: Uint8Array) {
    if (key.byteLength !== 32) throw new RangeError(`a journal key has 32 bytes, not ${key.byteLength}`);
    this.#key = Uint8Array.from(key);
    this.#salt = Uint8Array.from(salt);
  }

  /** Nonce, tag, ciphertext. */
  seal(place: Place, text: string): Buffer {
    const nonce = this.#nonce();
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(place.owner), nonce);
    cipher.setAAD(boundTo(place));
    const body = cipher.update(text, 'utf8');
    const last = cipher.final();
    return Buffer.concat([nonce, cipher.getAuthTag(), body, last]);
  }

  /** @throws JournalError `damaged` when the value was changed, moved, or sealed with another key. */
  open(place: Place, sealed: Uint8Array): string {
    try {
      const nonce = sealed.subarray(0, nonceBytes);
      const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(place.owner), nonce, { authTagLength: tagBytes });
      decipher.setAAD(boundTo(place));
      decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
      const body = decipher.update(sealed.subarray(nonceBytes + tagBytes));
      return Buffer.concat([body, decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new JournalError('damaged', `the stored ${place.table} ${place.number} does not open`, { cause });
    }
  }

  /** Valid until the next one is taken. */
  #nonce(): Uint8Array {
    if (this.#used === drawnNonces) {
      randomFillSync(this.#drawn);
      this.#used = 0;
    }
    const start = this.#used * nonceBytes;
    this.#used += 1;
    return this.#drawn.subarray(start, start + nonceBytes);
  }

  #keyOf(owner: string): KeyObject {
    const known = this.#keys.get(owner);
    if (known !== undefined) return known;
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= cachedKeys && oldest !== undefined) this.#keys.delete(oldest);
    const derived = hkdfSync('sha256', this.#key, this.#salt, `iam-agent journal v1 ${owner}`, 32);
    const made = createSecretKey(new Uint8Array(derived));
    this.#keys.set(owner, made);
    return made;
  }
}

function boundTo(place: Place): Buffer {
  return Buffer.from(`${place.table}\n${place.owner}\n${place.number}\n${place.counter}`);
}
