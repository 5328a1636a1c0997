// Seals what may hold customer data at rest: AES-256-GCM, a fresh random nonce each, bound to its place so that a value moved to another
// record does not open. Each owner (a job, a pairing code) has a key of its own, which keeps random nonces far below what one key may seal.
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;
const cachedKeys = 1_000;
/** Nonces drawn at a time: one draw costs the system as much as hundreds of nonces. */
const drawnNonces = 256;

export class Sealer {
  readonly #key: Uint8Array;
  /** Key objects: from raw bytes a cipher takes three times as long. */
  readonly #keys = new Map<string, KeyObject>();
  readonly #drawn = Buffer.alloc(drawnNonces * nonceBytes);
  #used = drawnNonces;

  constructor(key: Uint8Array) {
    if (key.byteLength !== 32) throw new RangeError(`a store key has 32 bytes, not ${key.byteLength}`);
    this.#key = Uint8Array.from(key);
  }

  /** Nonce, tag, ciphertext. `place` names the column and the number of the record within its owner. */
  seal(owner: string, place: string, text: string): Buffer {
    const nonce = this.#nonce();
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(owner), nonce);
    cipher.setAAD(Buffer.from(`${owner} ${place}`));
    const body = cipher.update(text, 'utf8');
    const last = cipher.final();
    return Buffer.concat([nonce, cipher.getAuthTag(), body, last]);
  }

  /** @throws when the value was changed, moved, or sealed with another key. */
  open(owner: string, place: string, sealed: Uint8Array): string {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(owner), sealed.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(`${owner} ${place}`));
      decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
      const body = decipher.update(sealed.subarray(nonceBytes + tagBytes));
      return Buffer.concat([body, decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new Error(`the stored ${place} does not open: damaged, moved, or sealed with another key`, { cause });
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
    const derived = hkdfSync('sha256', this.#key, '', `iam-agent control plane v1 ${owner}`, 32);
    const made = createSecretKey(new Uint8Array(derived));
    this.#keys.set(owner, made);
    return made;
  }
}
