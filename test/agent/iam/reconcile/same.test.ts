// When AWS shows what was asked for, in its own writing.
import { expect } from 'chai';
import type { InputShape } from '../../../../agent/iam/action.ts';
import { isSame, shortText } from '../../../../agent/iam/reconcile/same.ts';
import { type Json, parseJson } from '../../../../protocol/json.ts';

const document: InputShape = { type: 'text', json: true };
const trust = (principal: Json, more: Record<string, Json> = {}): Json => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole', ...more }],
});
const root = 'arn:aws:iam::123456789012:root';

describe('documents', () => {
  const same: readonly [title: string, wanted: Json, found: Json][] = [
    ['members in another order', '{"b": 1, "a": 2}', { a: 2, b: 1 }],
    ['white space', '{ "a" :\n [ "x" , "y" ] }', { a: ['x', 'y'] }],
    ['a list in another order', '{"a":["y","x"]}', { a: ['x', 'y'] }],
    ['a list of one, and the one', '{"Action":["sts:AssumeRole"]}', { Action: 'sts:AssumeRole' }],
    ['a statement, and a list of it', '{"Statement":{"Effect":"Deny"}}', { Statement: [{ Effect: 'Deny' }] }],
    ['an account, and its root', JSON.stringify(trust({ AWS: '123456789012' })), trust({ AWS: root })],
    ['a truth, and its text', '{"Condition":{"Bool":{"a":true}}}', { Condition: { Bool: { a: 'true' } } }],
    ['a long number', '{"a":12345678901234567890}', parseJson('{"a":12345678901234567890}')],
    ['what is no JSON', 'not json', 'not json'],
  ];
  for (const [title, wanted, found] of same)
    it(`are the same: ${title}`, () => expect(isSame(document, wanted, found)).to.equal(true));

  const other: readonly [title: string, wanted: Json, found: Json][] = [
    ['another action', '{"Action":"a"}', { Action: 'b' }],
    ['one more', '{"Action":["a"]}', { Action: ['a', 'b'] }],
    ['another account', JSON.stringify(trust({ AWS: '123456789012' })), trust({ AWS: root.replace('12', '13') })],
    ['a user of the account', JSON.stringify(trust({ AWS: root })), trust({ AWS: root.replace('root', 'user/a') })],
    ['a condition more', JSON.stringify(trust('*')), trust('*', { Condition: { Bool: { a: 'true' } } })],
    ['a number that a double would make the same', '{"a":9007199254740993}', parseJson('{"a":9007199254740992}')],
    ['letters in another case', '{"Resource":"A"}', { Resource: 'a' }],
    ['nothing', '{}', null],
  ];
  for (const [title, wanted, found] of other)
    it(`are not: ${title}`, () => expect(isSame(document, wanted, found)).to.equal(false));
});

describe('other values', () => {
  const text: InputShape = { type: 'text' };
  const list: InputShape = { type: 'list', item: text };
  const map: InputShape = { type: 'map', key: text, value: text };

  it('are the same whatever the line ends, the order of a list, and what else a map has', () => {
    expect(isSame(text, 'a\r\nb\n', 'a\nb')).to.equal(true);
    expect(isSame(text, 'a b', 'ab')).to.equal(false);
    expect(isSame(list, ['b', 'a'], ['a', 'b'])).to.equal(true);
    expect(isSame(list, ['a', 'a'], ['a', 'b'])).to.equal(false);
    expect(isSame(map, { a: '1' }, { b: '2', a: '1' })).to.equal(true);
    expect(isSame(map, { a: '1' }, { a: '2' })).to.equal(false);
    expect(isSame({ type: 'integer' }, 3600, 3600)).to.equal(true);
    expect(isSame({ type: 'boolean' }, false, true)).to.equal(false);
    expect(isSame(text, 'a', undefined)).to.equal(false);
  });

  it('are shown when they are short', () => {
    expect([shortText('/a/'), shortText(3), shortText(undefined)]).to.deep.equal(['"/a/"', '3', 'absent']);
    expect([shortText('x'.repeat(200)), shortText(['a']), shortText({ a: 1 })]).to.deep.equal([
      'another',
      'another',
      'another',
    ]);
    expect(shortText(parseJson('1.0'))).to.equal('1.0');
  });
});
