// docs/protocol.md says what the code does: every frame type, limit, token type and claim is in it with the right number, its examples decode, and the
// published schemas are those of the code.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { closeCodes } from '../../protocol/close-codes.ts';
import { decodeFrameToAgent, decodeFrameToControlPlane } from '../../protocol/codec.ts';
import { framesToAgent } from '../../protocol/frames-to-agent.ts';
import { framesToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import { jobClaimsSchema, jobOptionsSchema } from '../../protocol/job-claims.ts';
import { tokenTypes } from '../../protocol/jws.ts';
import { limits } from '../../protocol/limits.ts';
import { entrySchema } from '../../protocol/result-envelope.ts';
import { subprotocol } from '../../protocol/version.ts';
import { outdatedSchemas } from '../../scripts/protocol-schemas.ts';

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const doc = read('protocol.md');
const glossary = read('glossary.md');

/** Each fenced example with the heading that it stands under. */
const examples = doc.split(/^###? /m).flatMap((section) => {
  const heading = section.slice(0, section.indexOf('\n'));
  if (heading.includes(' ')) return [];
  return [...section.matchAll(/^```text\n(.*?)\n```$/gms)].map(([, text]) => ({ heading, text: text ?? '' }));
});

describe('docs/protocol.md', () => {
  it('names every close code with its number', () => {
    for (const [name, code] of Object.entries(closeCodes)) expect(doc).to.include(`${code} \`${name}\``);
  });

  for (const type of Object.keys(framesToAgent)) {
    it(`shows ${type} in the section of the control plane's frames, as the agent reads it`, () => {
      const example = examples.find(({ heading }) => heading === type);
      const decoded = decodeFrameToAgent(example?.text ?? '');
      expect(decoded).to.deep.include({ kind: 'frame', unknownFields: 0 });
      expect(decoded.kind === 'frame' && decoded.frame.type).to.equal(type);
      expect(doc.indexOf(`### ${type}\n`)).to.be.greaterThan(doc.indexOf('## 7. Frames of the control plane'));
    });
  }

  for (const type of Object.keys(framesToControlPlane)) {
    it(`shows ${type} in the section of the agent's frames, as the control plane reads it`, () => {
      const example = examples.find(({ heading }) => heading === type);
      const decoded = decodeFrameToControlPlane(example?.text ?? '');
      expect(decoded).to.deep.include({ kind: 'frame', unknownFields: 0 });
      expect(decoded.kind === 'frame' && decoded.frame.type).to.equal(type);
      expect(doc.indexOf(`### ${type}\n`)).to.be.lessThan(doc.indexOf('## 7. Frames of the control plane'));
    });
  }

  it('has no example of anything else, and its entries are entries', () => {
    const types = [...Object.keys(framesToAgent), ...Object.keys(framesToControlPlane)];
    expect(examples.map(({ heading }) => heading)).to.have.members(types);
    const results =
      examples
        .find(({ heading }) => heading === 'results')
        ?.text.split('\n')
        .slice(1) ?? [];
    expect(results).to.have.length(2);
    for (const line of results) expect(entrySchema.safeParse(JSON.parse(line)).success, line).to.equal(true);
  });

  it('names every limit with its value, and no other', () => {
    const section = doc.slice(doc.indexOf('## 14. Limits'));
    const named = [...section.matchAll(/^\| `(\w+)`\s*\| (\d+)/gm)].map(([, name, value]) => [name, Number(value)]);
    expect(Object.fromEntries(named)).to.deep.equal(limits);
  });

  it('names every token type with its size', () => {
    const rows = [...doc.matchAll(/\| `(iam-agent-[\w+-]+)`\s*\|[^|]*\| (\d+)/g)].map(([, typ, size]) => [
      typ,
      Number(size),
    ]);
    const sizes = Object.values(tokenTypes).map((typ) => [
      typ,
      typ === tokenTypes.job ? limits.tokenBytes : limits.smallTokenBytes,
    ]);
    expect(Object.fromEntries(rows)).to.deep.equal(Object.fromEntries(sizes));
  });

  it('names every claim and option of a job', () => {
    const section = doc.slice(doc.indexOf('## 8. The job token'), doc.indexOf('## 9.'));
    for (const name of [...Object.keys(jobClaimsSchema.shape), ...Object.keys(jobOptionsSchema.shape)])
      expect(section, name).to.include(`\`${name}\``);
    expect(doc).to.include(`\`${subprotocol}\``);
    expect(doc).to.include(`at most ${limits.tokenLifetimeMs / 1_000} s later`);
    expect(doc).to.include(`Clocks may differ by ${limits.clockSkewMs / 1_000} s`);
    expect(doc).to.include(`(at most ${limits.sessionTokenLifetimeMs / 1_000} s later)`);
    expect(doc).to.include(`valid for ${limits.pairingCodeLifetimeMs / 60_000} minutes`);
  });

  it('has published schemas that are those of the code', () => {
    expect(outdatedSchemas()).to.deep.equal([]);
  });

  it('uses words that the glossary has', () => {
    for (const word of [
      'job',
      'row',
      'entry',
      'envelope',
      'row_end',
      'spool',
      'journal',
      'chain head',
      'session counter',
      'tombstone',
      'quarantine',
      'credit',
      'chunk',
      'requeue',
    ])
      expect(glossary).to.match(new RegExp(`^\\| ${word} +\\|`, 'm'));
  });
});
