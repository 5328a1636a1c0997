// Schemas over JSON that somebody else wrote. Zod compares a value's member `length` with a limit also when the value has been refused already,
// as an object in the place of a text: {"length":{"valueOf":0,"toString":0}} makes that comparison throw. Here it is refused like any other.
import type { z } from 'zod';

type Checked<Data> =
  | { readonly success: true; readonly data: Data; readonly error?: undefined }
  | { readonly success: false; readonly data?: undefined; readonly error: Pick<z.ZodError, 'issues'> };

/** Never throws for what `value` is. */
export function safeParse<Schema extends z.ZodType>(schema: Schema, value: unknown): Checked<z.output<Schema>> {
  try {
    return schema.safeParse(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const message = 'expected what the schema says, found a value that cannot be compared';
    return { success: false, error: { issues: [{ code: 'custom', path: [], message, input: value }] } };
  }
}
