// One answer of the endpoint can name far more items than any page of IAM holds; it is refused before each becomes an object and an envelope.
import { expect } from 'chai';
import { decodeAnswer } from '../../agent/iam/decode.ts';
import { answerOf } from '../support/scripted-caller.ts';

function decodedKind(members: number): string {
  const items = '<member/>'.repeat(members);
  const answer = answerOf(
    'ListAccessKeys',
    `<AccessKeyMetadata>${items}</AccessKeyMetadata><IsTruncated>false</IsTruncated>`,
  );
  if (answer.kind !== 'answer') throw new Error('unreachable');
  return decodeAnswer('iam', 'ListAccessKeys', answer).kind;
}

describe('a listing page', () => {
  it('of the largest size that AWS gives is read', () => {
    expect(decodedKind(1_000)).to.equal('result');
  });

  it('of a million items is malformed', () => {
    expect(decodedKind(1_000_000)).to.equal('malformed');
  }).timeout(60_000);
});
