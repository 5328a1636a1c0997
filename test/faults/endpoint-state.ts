// What the endpoint's AWS account holds. Every user has two standing keys, unless its name says that there is none such; every path prefix has a
// listing of a few pages. Both follow from the name alone, so the checker knows what a read must give.
import { createHash } from 'node:crypto';

const namespace = 'https://iam.amazonaws.com/doc/2010-05-08/';
const made = '2026-01-01T00:00:00Z';
const absent = /-absent$/;

export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export interface Done {
  readonly kind: 'done';
  readonly result: string | null;
  /** The id of what was made. */
  readonly made: string | null;
}

const noUser: Refused = { kind: 'refused', status: 404, code: 'NoSuchEntity', message: 'there is no such user' };
const done = (result: string | null, id: string | null = null): Done => ({ kind: 'done', result, made: id });

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').toUpperCase();
}

export function standingKeys(user: string): readonly string[] {
  return [1, 2].map((number) => `AKIA${hash(`${user}/${number}`).slice(0, 16)}`);
}

/** A listing whose name begins so has one page of so many users, each with a path of so many characters. */
export const largePage = { users: 40, pathCharacters: 8_000 } as const;
const isLarge = /^\/large-/;

/** User names page by page: 1 to 5 pages of 0 to 4 users. */
function listing(prefix: string): readonly (readonly string[])[] {
  if (isLarge.test(prefix))
    return [Array.from({ length: largePage.users }, (_, item) => `${prefix.replaceAll('/', '')}.${item}`)];
  const digits = hash(prefix)
    .split('')
    .map((digit) => Number.parseInt(digit, 16));
  const pages = 1 + ((digits[0] ?? 0) % 5);
  return Array.from({ length: pages }, (_, page) =>
    Array.from(
      { length: (digits[page + 1] ?? 0) % 5 },
      (_item, item) => `${prefix.replaceAll('/', '')}.${page}.${item}`,
    ),
  );
}

export function listedUsers(prefix: string): readonly string[] {
  return listing(prefix).flat();
}

/** The account's state, and the operations that change it. */
export class Account {
  readonly #users = new Set<string>();
  readonly #keys = new Map<string, string[]>();
  readonly #inactive = new Set<string>();
  readonly #policies = new Map<string, Set<string>>();
  readonly #tags = new Map<string, Map<string, string>>();
  #made = 0;

  /** Null: the operation changes nothing. */
  change(operation: string, params: URLSearchParams): Done | Refused | null {
    const user = params.get('UserName') ?? '';
    const work = this.#changes[operation];
    if (work === undefined) return null;
    return absent.test(user) ? noUser : work(user, params);
  }

  changes(operation: string): boolean {
    return Object.hasOwn(this.#changes, operation);
  }

  read(operation: string, params: URLSearchParams): Done | Refused {
    const user = params.get('UserName') ?? '';
    if (absent.test(user)) return noUser;
    switch (operation) {
      case 'ListAccessKeys':
        return done(list('AccessKeyMetadata', this.#keysOf(user), (id) => this.#keyXml(user, id)));
      case 'ListAttachedUserPolicies': {
        const arns = [...(this.#policies.get(user) ?? [])];
        return done(list('AttachedPolicies', arns, (arn) => `<PolicyArn>${arn}</PolicyArn><PolicyName>p</PolicyName>`));
      }
      case 'ListUsers':
        return done(usersPage(params.get('PathPrefix') ?? '', Number(params.get('Marker') ?? 0)));
      default:
        return { kind: 'refused', status: 400, code: 'InvalidAction', message: operation };
    }
  }

  readonly #changes: Readonly<Record<string, (user: string, params: URLSearchParams) => Done | Refused>> = {
    CreateAccessKey: (user) => {
      const id = this.#newId('AKIA');
      this.#keys.set(user, [...(this.#keys.get(user) ?? []), id]);
      return done(
        `<AccessKey>${this.#keyXml(user, id)}<SecretAccessKey>not-a-secret</SecretAccessKey></AccessKey>`,
        id,
      );
    },
    CreateUser: (user) => {
      if (this.#users.has(user))
        return { kind: 'refused', status: 409, code: 'EntityAlreadyExists', message: `there is a user ${user}` };
      this.#users.add(user);
      const id = this.#newId('AIDA');
      return done(`<User>${userXml(user, id)}</User>`, id);
    },
    DeleteUser: (user) => {
      this.#users.delete(user);
      return done(null);
    },
    UpdateAccessKey: (user, params) => {
      const id = params.get('AccessKeyId') ?? '';
      if (!this.#keysOf(user).includes(id)) return { ...noUser, message: `the user has no key ${id}` };
      if (params.get('Status') === 'Inactive') this.#inactive.add(id);
      else this.#inactive.delete(id);
      return done(null);
    },
    AttachUserPolicy: (user, params) => {
      this.#policies.set(user, (this.#policies.get(user) ?? new Set()).add(params.get('PolicyArn') ?? ''));
      return done(null);
    },
    TagUser: (user, params) => {
      const tags = this.#tags.get(user) ?? new Map<string, string>();
      this.#tags.set(user, tags.set(params.get('Tags.member.1.Key') ?? '', params.get('Tags.member.1.Value') ?? ''));
      return done(null);
    },
  };

  #keysOf(user: string): readonly string[] {
    return [...standingKeys(user), ...(this.#keys.get(user) ?? [])];
  }

  #keyXml(user: string, id: string): string {
    const status = this.#inactive.has(id) ? 'Inactive' : 'Active';
    return `<UserName>${user}</UserName><AccessKeyId>${id}</AccessKeyId><Status>${status}</Status><CreateDate>${made}</CreateDate>`;
  }

  #newId(prefix: string): string {
    this.#made += 1;
    return `${prefix}${String(this.#made).padStart(16, '0')}`;
  }
}

function usersPage(prefix: string, page: number): string {
  const pages = listing(prefix);
  const more = page + 1 < pages.length;
  const users = (pages[page] ?? []).map(
    (user) => `<member>${userXml(user, `AIDA${hash(user).slice(0, 16)}`)}</member>`,
  );
  const next = more ? `<Marker>${page + 1}</Marker>` : '';
  return `<Users>${users.join('')}</Users><IsTruncated>${String(more)}</IsTruncated>${next}`;
}

function userXml(user: string, id: string): string {
  const arn = `arn:aws:iam::123456789012:user/${user}`;
  const path = user.startsWith('large-') ? `/${'x'.repeat(largePage.pathCharacters)}/` : '/';
  return `<Path>${path}</Path><UserName>${user}</UserName><UserId>${id}</UserId><Arn>${arn}</Arn><CreateDate>${made}</CreateDate>`;
}

function list<T>(name: string, items: readonly T[], xml: (item: T) => string): string {
  const members = items.map((item) => `<member>${xml(item)}</member>`).join('');
  return `<${name}>${members}</${name}><IsTruncated>false</IsTruncated>`;
}

export function resultXml(operation: string, result: string | null): string {
  const wrapped = result === null ? '' : `<${operation}Result>${result}</${operation}Result>`;
  const metadata = '<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000001</RequestId></ResponseMetadata>';
  return `<${operation}Response xmlns="${namespace}">${wrapped}${metadata}</${operation}Response>`;
}

export function errorXml(code: string, message: string): string {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return `<ErrorResponse xmlns="${namespace}">${error}<RequestId>00000000-0000-4000-8000-000000000002</RequestId></ErrorResponse>`;
}
