// An edit of a real source that takes one rule away.
import type { CreditBoundsName, JobBoundsName } from './bounds.ts';
import type { RuleFile } from './rules.ts';

interface Edit {
  readonly rule: string;
  readonly file: RuleFile;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}
export interface JobMutant extends Edit {
  readonly bounds: JobBoundsName;
}
export interface CreditMutant extends Edit {
  readonly bounds: CreditBoundsName;
}
