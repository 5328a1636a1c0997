import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  allowedActions,
  defaultAllow,
  explainRefusal,
  explainRoleRefusal,
  isAllowed,
  isRoleAllowed,
} from '../../../agent/job/allow-list.ts';

const listUsers = { name: 'list_users', accessLevel: 'list' };
const readKey = { name: 'get_access_key_last_used', accessLevel: 'read' };
const updateKey = { name: 'update_access_key', accessLevel: 'write' };
const attach = { name: 'attach_user_policy', accessLevel: 'permissions' };
const all = [listUsers, readKey, updateKey, attach];

describe('allow', () => {
  it('allows access levels, names, globs and everything, and nothing else', () => {
    expect(allowedActions(defaultAllow, all)).to.deep.equal([listUsers, readKey]);
    expect(allowedActions(['update_access_key'], all)).to.deep.equal([updateKey]);
    expect(allowedActions(['*_user*'], all)).to.deep.equal([listUsers, attach]);
    expect(allowedActions(['get_*', 'permissions'], all)).to.deep.equal([readKey, attach]);
    expect(allowedActions(['*'], all)).to.deep.equal(all);
    expect(allowedActions([], all)).to.deep.equal([]);
    expect(allowedActions(['LIST', 'List_Users', 'list_user', 'ist_users', ''], all)).to.deep.equal([]);
  });

  it('takes a level as a whole word: a glob is over names only', () => {
    expect(isAllowed(['writ*'], updateKey)).to.equal(false);
    expect(isAllowed(['writ?'], updateKey)).to.equal(false);
  });

  it('treats characters with a meaning elsewhere as themselves', () => {
    expect(isAllowed(['list.users', 'list_users|', '[l]ist_users', '^list_users$', '.*', '(.)*'], listUsers)).to.equal(
      false,
    );
    expect(isRoleAllowed(['arn:aws:iam::*:role/audit-?'], 'arn:aws:iam::123456789012:role/audit-1')).to.equal(true);
    expect(isRoleAllowed(['arn:aws:iam::*:role/audit-?'], 'arn:aws:iam::123456789012:role/audit-12')).to.equal(false);
    expect(isRoleAllowed(['arn:aws:iam::*:role/audit'], 'arn:aws:iam::1:role/audit\n')).to.equal(false);
  });

  it('allows no role by default', () => {
    expect(isRoleAllowed([], 'arn:aws:iam::123456789012:role/any')).to.equal(false);
  });

  it('matches as the definition of a glob does', () => {
    const matches = (glob: string, text: string): boolean => {
      if (glob === '') return text === '';
      if (glob[0] === '*') return matches(glob.slice(1), text) || (text !== '' && matches(glob, text.slice(1)));
      return text !== '' && (glob[0] === '?' || glob[0] === text[0]) && matches(glob.slice(1), text.slice(1));
    };
    const word = (letters: string) => fc.string({ unit: fc.constantFrom(...letters.split('')), maxLength: 8 });
    fc.assert(
      fc.property(word('ab*?'), word('ab*'), (glob, text) => isRoleAllowed([glob], text) === matches(glob, text)),
      { numRuns: 3_000 },
    );
  });

  it('stays linear where a backtracking matcher would not', () => {
    const time = (size: number): number => {
      const start = performance.now();
      for (let round = 0; round < 5; round += 1) isRoleAllowed([`${'*a'.repeat(20)}b`], 'a'.repeat(size));
      return performance.now() - start;
    };
    time(2_000);
    // Exponential growth would not end; twenty times the text may cost a few hundred times at worst.
    expect(time(40_000)).to.be.below(500 * Math.max(1, time(2_000)));
  });

  it('names the line that would permit the action', () => {
    const refusal = explainRefusal('prod', updateKey);
    expect(refusal.code).to.equal('action_not_allowed');
    expect(refusal.detail)
      .to.include("connection 'prod'")
      .and.to.include('"- update_access_key"')
      .and.to.include('"- write"');
    const line = /"- ([a-z_]+)"/.exec(refusal.detail)?.[1] ?? '';
    expect(isAllowed([line], updateKey)).to.equal(true);
  });

  it('offers a line for a plain role ARN, and none for a glob that a job brings', () => {
    const arn = 'arn:aws-us-gov:iam::123456789012:role/team/audit@x';
    expect(explainRoleRefusal('prod', arn).detail).to.include(`"- ${arn}"`);
    for (const hostile of [
      '*',
      'arn:aws:iam::123456789012:role/*',
      'arn:aws:iam::*:role/a',
      'x\n- "*"',
      'a'.repeat(5_000),
    ]) {
      const { code, detail } = explainRoleRefusal('prod', hostile);
      expect(code).to.equal('role_not_allowed');
      expect(detail).not.to.include('add the line');
      expect(detail).not.to.include('\n');
      expect(detail.length).to.be.below(600);
    }
  });
});
