// Reference values of a connection, from the file itself or from files of their own.
import { readFileSync, statSync } from 'node:fs';
import type { ReferenceValue } from '../connection.ts';
import { maxSecretFileBytes, readSecretFile, SecretFileError } from '../io/keys-file.ts';
import type { Findings } from './findings.ts';
import type { KeyPath } from './problem.ts';
import type { ConnectionFile } from './schema.ts';

type Entry = ConnectionFile['reference_values'][number];

/** Null when one of them has a problem; they are in `findings`. */
export async function readReferenceValues(
  entries: readonly Entry[],
  at: KeyPath,
  findings: Findings,
): Promise<readonly ReferenceValue[] | null> {
  const before = findings.problems.length;
  const values: ReferenceValue[] = [];
  for (const [index, entry] of entries.entries()) {
    const path = [...at, index];
    if (entry.name === 'row')
      findings.problem(
        [...path, 'name'],
        'another name than row',
        'row, the name of the whole row',
        'rename the value',
      );
    if (values.some(({ name }) => name === entry.name))
      findings.problem(
        [...path, 'name'],
        'every name once',
        `a second ${entry.name}`,
        'remove or rename one of the two',
      );
    const value = await readValue(entry, path, findings);
    if (value !== null) values.push({ name: entry.name, value, kind: kindOf(entry) });
  }
  return findings.problems.length > before ? null : values;
}

function kindOf(entry: Entry): ReferenceValue['kind'] {
  return entry.kind ?? (entry.value_file === undefined ? 'text' : 'password');
}

async function readValue(entry: Entry, path: KeyPath, findings: Findings): Promise<string | null> {
  if ((entry.value === undefined) === (entry.value_file === undefined)) {
    const found = entry.value === undefined ? 'neither' : 'both';
    findings.problem(path, 'either value or value_file', found, 'keep exactly one of the two');
    return null;
  }
  if (entry.value_file === undefined) return entry.value ?? null;
  const file = findings.resolve(entry.value_file);
  const key = [...path, 'value_file'];
  if (kindOf(entry) === 'text') return await readText(file, key, findings);
  try {
    return await readSecretFile(file);
  } catch (error) {
    if (!(error instanceof SecretFileError)) throw error;
    findings.secretFault(key, error);
    return null;
  }
}

async function readText(file: string, path: KeyPath, findings: Findings): Promise<string | null> {
  const expected = `a text file of at most ${maxSecretFileBytes} bytes`;
  try {
    const stats = statSync(file);
    if (stats.isFile() && stats.size <= maxSecretFileBytes) return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    findings.problem(path, expected, `${file}: no such file`, 'name another file');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    findings.problem(path, expected, `${file}: it cannot be read (${reason})`, 'name a file that the agent can read');
  }
  return null;
}
