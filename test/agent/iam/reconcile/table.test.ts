// The table beside the catalogue and beside the SDK: every change has its row, and every name in a row is one that AWS has.
import { expect } from 'chai';
import type { Action } from '../../../../agent/iam/action.ts';
import { actions } from '../../../../agent/iam/catalogue.ts';
import { isMarkable } from '../../../../agent/iam/reconcile/mark.ts';
import type { Expected, Read, ReadBack } from '../../../../agent/iam/reconcile/rule.ts';
import { readBackOf } from '../../../../agent/iam/reconcile/table.ts';
import { operationShapes, type Shape } from '../../../../agent/iam/schema.ts';

const changes = actions.filter(({ repeat }) => repeat !== 'safe');

function memberAt(shape: Shape | null, path: string): Shape | null {
  let here = shape;
  for (const name of path === '' ? [] : path.split('.')) {
    if (here?.kind === 'map') here = here.value();
    else here = here?.kind === 'structure' ? (here.members.get(name)?.shape() ?? null) : null;
  }
  return here;
}

/** What one item of a read's answer is; null: there is no such place. */
function itemShape(read: Read): Shape | null {
  const found = memberAt(operationShapes('iam', read.operation)?.output ?? null, read.at);
  return found?.kind === 'list' ? found.item() : found;
}

const membersIn = (template: string): string[] =>
  [...template.matchAll(/\{([^}]+)\}/g)].flatMap(([, names = '']) =>
    names.split('|').filter((name) => !name.startsWith('=')),
  );

type Readable = Exclude<ReadBack, { kind: 'unreadable' }>;

/** Names of a row that the change, or the read, does not have. */
function unknownNames(action: Action, rule: Readable): string[] {
  const inputs = new Set(action.inputs.map(({ member }) => member));
  const known = (place: string, template: string): string[] =>
    membersIn(template).flatMap((member) => (inputs.has(member) ? [] : `${place}: no input ${member}`));
  const item = itemShape(rule.read);
  if (item === null) return [`${rule.read.operation} has no ${rule.read.at}`];
  const isThere = (path: string): boolean =>
    memberAt(item, path) !== null || (item.kind === 'text' && path === rule.read.at.split('.').at(-1));
  const paths = (place: string, all: readonly string[]): string[] =>
    all.flatMap((path) => (isThere(path) ? [] : `${place}: ${rule.read.operation} shows no ${path}`));
  const equal: Readonly<Record<string, Expected>> = rule.kind === 'state' ? (rule.equal ?? {}) : {};
  const fits = rule.kind === 'minted' ? (rule.fits ?? {}) : {};
  const asked = Object.values(equal).flatMap((expected) =>
    typeof expected === 'string' ? expected : 'of' in expected ? expected.of : [],
  );
  return [
    ...known('what', rule.what),
    ...Object.values(rule.read.input).flatMap((template) => known('read', template)),
    ...[...Object.entries(rule.find ?? {}), ...Object.entries(fits)].flatMap(([, template]) => known('find', template)),
    ...[...asked, ...Object.keys(rule.hidden ?? {})].flatMap((member) => known('equal', `{${member}}`)),
    ...paths('find', [...Object.keys(rule.find ?? {}), ...Object.keys(fits)]),
    ...paths('equal', Object.keys(equal)),
    ...paths(
      'id',
      [rule.read.id, rule.read.created].filter((path) => path !== undefined),
    ),
    ...(rule.kind === 'minted' ? paths('shown', rule.shown ?? []) : []),
    ...readFaults(rule.read),
    ...(rule.kind === 'named' && rule.mark !== undefined ? readFaults(rule.mark) : []),
  ];
}

/** The read is a read, takes what it is given, and gets what it needs. */
function readFaults(read: Read): string[] {
  const action = actions.find(({ operation }) => operation === read.operation);
  if (action?.repeat !== 'safe') return [`${read.operation} is no read`];
  const input = operationShapes('iam', read.operation)?.input;
  const members = input?.kind === 'structure' ? input.members : new Map<string, { readonly required: boolean }>();
  const given = [...Object.keys(read.input), ...Object.keys(read.fixed ?? {})];
  return [
    ...given.filter((member) => !members.has(member)).map((member) => `${read.operation} takes no ${member}`),
    ...[...members]
      .filter(([name, { required }]) => required && !given.includes(name))
      .map(([name]) => `${read.operation} needs ${name}`),
  ];
}

describe('the table of read-backs', () => {
  it('has a row, or a reason why there is none, for every change of the catalogue', () => {
    const without = changes.filter(({ operation }) => readBackOf(operation) === undefined).map(({ name }) => name);
    expect(without, 'changes that are not read back').to.deep.equal([]);
    const reads = actions.filter(({ repeat, operation }) => repeat === 'safe' && readBackOf(operation) !== undefined);
    expect(reads.map(({ name }) => name)).to.deep.equal([]);
    const kinds = Object.groupBy(changes, ({ operation }) => readBackOf(operation)?.kind ?? 'none');
    const counts = Object.entries(kinds).map(([kind, all]) => `${kind} ${all.length}`);
    process.stdout.write(`\n  Read-backs of ${changes.length} changes: ${counts.join(', ')}.\n`);
    expect(changes.length).to.be.at.least(108);
    expect((kinds.unreadable ?? []).map(({ name }) => name)).to.deep.equal([
      'change_password',
      'reset_service_specific_credential',
      'resync_mfa_device',
    ]);
  });

  for (const action of changes) {
    it(`${action.operation}: every name of its row is one of the SDK`, () => {
      const rule = readBackOf(action.operation);
      if (rule === undefined) throw new Error('no row');
      if (rule.kind === 'unreadable') expect(rule.reason).to.match(/^.{20,}[^.]$/);
      else expect(unknownNames(action, rule)).to.deep.equal([]);
    });
  }

  it('compares every input of a change, finds by it, or says why not', () => {
    // Of what is made, all that counts is that it is there: its other members are shown by any read.
    const rest = changes.flatMap(({ name, operation, inputs }) => {
      const rule = readBackOf(operation);
      if (rule?.kind !== 'state' && rule?.kind !== 'tags') return [];
      const used = JSON.stringify(rule);
      const own = inputs.filter(({ role, member }) => role === undefined && !new RegExp(`\\b${member}\\b`).test(used));
      return rule.kind === 'tags' ? [] : own.map(({ member }) => `${name}.${member}`);
    });
    expect(rest).to.deep.equal([
      'enable_mfa_device.AuthenticationCode1',
      'enable_mfa_device.AuthenticationCode2',
      'reject_delegation_request.Notes',
    ]);
  });

  it('marks exactly what AWS makes with tags', () => {
    const tagged = changes.filter(
      ({ repeat, inputs }) => repeat === 'never' && inputs.some(({ member }) => member === 'Tags'),
    );
    expect(changes.filter(({ operation }) => isMarkable(operation))).to.deep.equal(tagged);
    expect(tagged).to.have.length(8);
  });
});
