// Listings beside boto3's paginator (`build_full_result`) for the same pages: the rows must be equal, each with its two members of ours.
import { expect } from 'chai';
import type { Json } from '../../protocol/json.ts';
import { errorAnswer, type Step, xmlAnswer } from '../support/scripted-endpoint.ts';
import { asJson, prepared, runPages, useSideBySide } from './side-by-side.ts';

const policy = (index: number): string =>
  `<member><PolicyName>p${index}</PolicyName><PolicyId>ANPA${index}</PolicyId><Arn>arn:aws:iam::1:policy/p${index}</Arn><Path>/</Path>` +
  `<DefaultVersionId>v1</DefaultVersionId><AttachmentCount>${index}</AttachmentCount><IsAttachable>true</IsAttachable>` +
  '<CreateDate>2020-04-22T23:31:38Z</CreateDate><UpdateDate>2020-04-22T23:31:38+05:30</UpdateDate></member>';

function pagesOf(sizes: readonly number[]): Step[] {
  let made = 0;
  return sizes.map((size, page) => {
    const items = Array.from({ length: size }, (_none, index) => policy(made + index)).join('');
    made += size;
    const more = `<IsTruncated>true</IsTruncated><Marker>page-${page + 1}</Marker>`;
    const paging = page < sizes.length - 1 ? more : '<IsTruncated>false</IsTruncated><Marker>ignored</Marker>';
    return xmlAnswer('ListPolicies', `<Policies>${items}</Policies>${paging}`);
  });
}

describe('listings equal to boto3', () => {
  const side = useSideBySide();
  const rows = (answer: { readonly result?: Record<string, unknown> }): unknown[] =>
    ((answer.result?.['Policies'] ?? []) as Record<string, unknown>[]).map((item) => ({
      ...item,
      error: null,
      has_error: false,
    }));

  const listings: readonly [title: string, sizes: readonly number[], maxItems: number | undefined, calls: number][] = [
    ['nothing', [0], undefined, 1],
    ['one page', [3], undefined, 1],
    ['5,000 over uneven pages, one of them empty', [1000, 7, 0, 1000, 1000, 1000, 993], undefined, 7],
    ['the first of a page', [10, 10], 1, 1],
    ['a cut inside the second page', [10, 10, 10], 15, 2],
    ['a cut at the end of a page', [10, 10], 10, 1],
    ['more than there is', [10, 10], 1000, 2],
  ];
  for (const [title, sizes, maxItems, calls] of listings) {
    it(title, async () => {
      const inputs: Record<string, Json> = maxItems === undefined ? {} : { 'Max Items': String(maxItems) };
      const paginate = maxItems === undefined ? {} : { MaxItems: maxItems };
      const boto = { method: 'list_policies', input: {}, paginate };
      const { pages, ours, theirs, sent } = await side().both('list_policies', inputs, pagesOf(sizes), boto);
      expect(asJson(ours)).to.deep.equal(rows(theirs));
      expect(sent).to.equal(calls);
      expect(pages).to.have.length(calls);
      expect(pages.at(-1)).to.include({ marker: null, failure: null });
    });
  }

  it('throttled between two pages', async () => {
    const [first, second] = pagesOf([2, 2]);
    if (first === undefined || second === undefined) throw new Error('no pages');
    const steps = [first, errorAnswer(400, 'Throttling', 'Rate exceeded'), second];
    const boto = { method: 'list_policies', input: {}, paginate: {}, attempts: 3 };
    const { ours, theirs } = await side().both('list_policies', {}, steps, boto);
    expect(ours).to.have.length(4);
    expect(asJson(ours)).to.deep.equal(rows(theirs));
  });

  it('a marker that comes again', async () => {
    const page = xmlAnswer(
      'ListPolicies',
      `<Policies>${policy(1)}</Policies><IsTruncated>true</IsTruncated><Marker>m'1</Marker>`,
    );
    const boto = { method: 'list_policies', input: {}, paginate: {} };
    const { ours, pages, theirs, sent } = await side().both('list_policies', {}, () => page, boto);
    expect(sent).to.equal(2);
    expect(ours.map((envelope) => envelope.has_error)).to.deep.equal([false, false, true]);
    expect(ours.at(-1)?.error).to.equal(theirs.error);
    expect(pages.at(-1)?.failure).to.deep.equal({ code: 'aws_malformed', outcomeUnknown: false });
  });

  it('asks for pages of 1000, for fewer when fewer are wanted, and follows the marker', async () => {
    const { endpoint, caller, connection } = side();
    endpoint.play(pagesOf([1000, 1000]));
    await runPages(
      prepared('list_policies', { 'Max Items': '1500', Scope: 'AWS', 'Only Attached': 'true' }),
      caller,
      connection,
    );
    const asked = endpoint.requests.map(({ params }) => [params.get('MaxItems'), params.get('Marker')]);
    expect(asked).to.deep.equal([
      ['1000', null],
      ['500', 'page-1'],
    ]);
    expect(endpoint.requests[1]?.params.get('Scope')).to.equal('AWS');
    expect(endpoint.requests[1]?.params.get('OnlyAttached')).to.equal('true');
  });
});
