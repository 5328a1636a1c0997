// `--set 'Input=template'`, repeated: a record of templates. The first `=` splits. `@path` reads the template from a file, `@@` is a plain `@`.
import { open } from 'node:fs/promises';
import { type Failure, failure, isFailure } from './fail.ts';

/** A template that is read from a file: no template comes near it. */
const maxFileBytes = 256 * 1024;

const shape = "write --set 'Input=template', for example --set 'Username={{ user }}'";

/** Templates by input. Failures: `usage`, `file_unreadable`. */
export async function parseSets(settings: readonly string[]): Promise<Record<string, string> | Failure> {
  const inputs = new Map<string, string>();
  for (const setting of settings) {
    const split = setting.indexOf('=');
    const input = setting.slice(0, Math.max(split, 0)).trim();
    if (split === -1) return failure('usage', 'usage', `--set expects Input=template, found '${setting}'`, shape);
    if (input === '') return failure('usage', 'usage', `--set has no input name before '=': '${setting}'`, shape);
    if (inputs.has(input)) return failure('usage', 'usage', `--set gives the input '${input}' twice`, 'give it once');
    const template = await templateOf(setting.slice(split + 1));
    if (isFailure(template)) return template;
    inputs.set(input, template);
  }
  return Object.fromEntries(inputs);
}

async function templateOf(given: string): Promise<string | Failure> {
  if (given.startsWith('@@')) return given.slice(1);
  if (!given.startsWith('@')) return given;
  const path = given.slice(1);
  try {
    const bytes = await readSmall(path);
    if (bytes === null)
      return failure(
        'bad_data',
        'template_budget',
        `${path} is larger than ${maxFileBytes} bytes`,
        'a template is short',
      );
    // The line break that an editor puts at the end is not part of the template (Jinja2's default too).
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const help = "a template that starts with '@' itself is written with '@@'";
    return failure('io', 'file_unreadable', `the template file ${path} cannot be read: ${reason}`, help);
  }
}

/** Null when there is more than the limit; also of a pipe, which has no size. */
async function readSmall(path: string): Promise<Buffer | null> {
  await using file = await open(path, 'r');
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of file.createReadStream({ autoClose: false })) {
    const bytes = Buffer.from(part);
    parts.push(bytes);
    total += bytes.length;
    if (total > maxFileBytes) return null;
  }
  return Buffer.concat(parts);
}
