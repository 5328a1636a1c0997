// What an action of the catalogue is. The records are generated (catalogue.generated.ts); nothing here knows any of them.
import type { Service } from './schema.ts';

/** AWS's own, from the Service Authorization Reference. */
export const accessLevels = ['list', 'read', 'write', 'permissions', 'tagging'] as const;
export type AccessLevel = (typeof accessLevels)[number];

/** `safe`: the same answer again. `answer_changes`: the same state, another answer. `never`: something is made twice. */
export type Repeat = 'safe' | 'answer_changes' | 'never';

/** What one input may hold. `min` is the least that boto3 sends: characters of a text, items of a list, or the number itself. */
export type InputShape =
  | {
      readonly type: 'text';
      readonly min?: number;
      /** It holds a JSON document (a policy). */
      readonly json?: true;
      /** The values that AWS names. Shown, not enforced: AWS may know more by now. */
      readonly values?: readonly string[];
    }
  | { readonly type: 'integer'; readonly min?: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'list'; readonly min?: number; readonly item: InputShape }
  | { readonly type: 'map'; readonly key: InputShape; readonly value: InputShape }
  | {
      readonly type: 'structure';
      /** Exactly one member is given. */
      readonly union?: true;
      readonly required: readonly string[];
      readonly members: Readonly<Record<string, InputShape>>;
    };

/** Inputs that the agent itself uses; all others are members of the request. */
type InputRole = 'role_arn' | 'max_items' | 'as_rows' | 'wait_seconds';

export interface ActionInput {
  readonly label: string;
  /** The SDK's name for it, which is taken too. */
  readonly member: string;
  readonly role?: InputRole;
  readonly shape: InputShape;
  readonly required: boolean;
  /** A blank value is refused, not left out: without it AWS would act on the caller's own user. */
  readonly neverBlank?: true;
  /** A blank text that is given is sent as it is: it empties what is there. */
  readonly mayBeBlank?: true;
  /** The only texts that are taken (the selects of the published integration). */
  readonly oneOf?: readonly string[];
  /** Never shown: not in a dry run, not in an error. */
  readonly secret?: true;
}

export type ActionOutput =
  /** One envelope. `lists`: the answer is paged and its pages are merged, these members joined. */
  | { readonly kind: 'object'; readonly lists?: readonly string[] }
  /** One envelope for each item of the answer's only member. */
  | { readonly kind: 'rows'; readonly member: string; readonly paged: boolean };

export interface Action {
  readonly name: string;
  readonly displayName: string;
  readonly accessLevel: AccessLevel;
  readonly repeat: Repeat;
  readonly service: Service;
  readonly operation: string;
  readonly inputs: readonly ActionInput[];
  readonly output: ActionOutput;
  /** Dotted paths within the result (or within one row) that hold secrets. */
  readonly secretOutputs: readonly string[];
}

export interface ActionTexts {
  readonly description: string;
  /** By the SDK's name of the input. */
  readonly inputs: Readonly<Record<string, string>>;
}
