// The first local policy: what a connection's own lists permit. Anything not named is refused, and a refusal names the line that would
// permit it. Globs are matched in linear time here, because an ARN to match comes from the job.
import { refuse, type Refusal } from '../../protocol/error-codes.ts';

/** What policy needs of an action; the catalogue's own type fits. */
export interface AllowedAction {
  readonly name: string;
  readonly accessLevel: string;
}

/** What a connection allows when its configuration says nothing. */
export const defaultAllow: readonly string[] = ['list', 'read'];

/** An entry is an access level, the name of an action, or a glob over names; "*" alone is everything. */
export function isAllowed(allow: readonly string[], action: AllowedAction): boolean {
  return allow.some((entry) => entry === action.accessLevel || globMatches(entry, action.name));
}

/** The actions of a list that a connection allows, in their order. */
export function allowedActions<Action extends AllowedAction>(
  allow: readonly string[],
  actions: readonly Action[],
): readonly Action[] {
  return actions.filter((action) => isAllowed(allow, action));
}

export function explainRefusal(connectionLabel: string, action: AllowedAction): Refusal {
  return refuse(
    'action_not_allowed',
    `expected the allow list of connection '${connectionLabel}' to name the action or its access level, found neither; ` +
      `to allow it add the line "- ${action.name}" under "allow:" of that connection in the host's configuration ` +
      `(or "- ${action.accessLevel}" for every ${action.accessLevel} action)`,
  );
}

/** `globs` is the connection's allowed_role_arns; empty allows no role. */
export function isRoleAllowed(globs: readonly string[], roleArn: string): boolean {
  return globs.some((glob) => globMatches(glob, roleArn));
}

const roleArnForm = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;

/** No line to add is offered for what is no plain role ARN: a job could smuggle a glob into the operator's file that way. */
export function explainRoleRefusal(connectionLabel: string, roleArn: string): Refusal {
  const place = `allowed_role_arns of connection '${connectionLabel}'`;
  return refuse(
    'role_not_allowed',
    roleArnForm.test(roleArn)
      ? `expected 'Role Arn' to match ${place}, found ${roleArn}; ` +
          `to allow it add the line "- ${roleArn}" under "allowed_role_arns:" of that connection in the host's configuration`
      : `expected 'Role Arn' to match ${place}, found ${JSON.stringify(roleArn.slice(0, 200))}, which is no role ARN ` +
          '(arn:aws:iam::123456789012:role/name); correct the job',
  );
}

/** `*` is any run of characters, `?` any one; letters count as they are. One pass with a single point to go back to: no blow-up. */
function globMatches(glob: string, text: string): boolean {
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (glob[inGlob] === '*') {
      star = inGlob;
      starAt = at;
      inGlob += 1;
    } else if (inGlob < glob.length && (glob[inGlob] === '?' || glob[inGlob] === text[at])) {
      inGlob += 1;
      at += 1;
    } else if (star >= 0) {
      inGlob = star + 1;
      starAt += 1;
      at = starAt;
    } else return false;
  }
  while (glob[inGlob] === '*') inGlob += 1;
  return inGlob === glob.length;
}
