// What was taken, in order, to be given back in the opposite order: once, whatever happens, also when taking goes on while giving back began.
type Release = () => Promise<void> | void;

export class Releases {
  readonly #releases: Release[] = [];
  #closed = false;

  async add(release: Release): Promise<void> {
    if (this.#closed) await release();
    else this.#releases.push(release);
  }

  /** What failed, in words. */
  async close(): Promise<readonly string[]> {
    this.#closed = true;
    const failures: string[] = [];
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        failures.push(String(error));
      }
    }
    return failures;
  }
}
