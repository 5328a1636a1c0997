// A state file that cannot be used, as the reason why a command ends: exposed to others, or not what this program wrote there.
import { type Failure, failure } from '../../terminal/fail.ts';
import { SecretFileError } from '../io/keys-file.ts';

/** @throws what is no such failure, as it came. */
export function stateFailure(error: unknown): Failure {
  if (!(error instanceof SecretFileError)) throw error;
  return error.fault === 'exposed'
    ? failure('configuration', 'secret_file_exposed', error.message)
    : failure('io', 'state_damaged', error.message);
}
