// The XML reader beside expat, which is what boto3 reads with: the same trees, and the same texts refused. Left out: document types, which the
// reader refuses whatever they hold, prefixes without a declaration, and depth.
import { expect } from 'chai';
import { isXmlFault, readXml } from '../../agent/iam/xml.ts';
import { Boto3Oracle } from './boto3.ts';

const accepted = [
  '<a/>',
  '<a></a >',
  '<a\n/>',
  '<?xml version="1.0"?><a/>',
  '<?xml version="1.0" encoding="UTF-16"?><a>é</a>',
  '<!-- c --><a/><!-- d --><?p q?>\n',
  '<a>x<b>y</b>z</a>',
  '<a>x<!-- -->y<?p?>z</a>',
  '<a><!-->--></a>',
  '<a><!----></a>',
  '<a><![CDATA[<b>&amp;</b>]]></a>',
  '<a><![CDATA[]]]]></a>',
  '<a>&lt;&gt;&amp;&quot;&apos;</a>',
  '<a>&#65;&#x42;&#x1F600;&#128512;&#9;&#10;&#13;</a>',
  '<a>one\r\ntwo\rthree\n</a>',
  '<a>]] ></a>',
  '<a>></a>',
  "<a b='1' c=\"2\" d='&lt;&#65;'/>",
  '<a b = "x>y"/>',
  '<é-_.1>ok</é-_.1>',
  '<x:a xmlns:x="urn:x"><x:b/></x:a>',
  '<a xmlns="urn:y"><b xmlns="">t</b></a>',
  '<a><b/><b/><b>3</b></a>',
  '<a>&#x10FFFF;\u{10ffff}\u0085\u2028</a>',
  '\ufeff<a/>',
  `<a>${'<b>'.repeat(60)}${'</b>'.repeat(60)}</a>`,
];
const refused = [
  '',
  ' ',
  'text',
  '<a>',
  '<a></b>',
  '</a>',
  '<a/><b/>',
  '<a/>text',
  'text<a/>',
  ' <?xml version="1.0"?><a/>',
  '<a><?xml version="1.0"?></a>',
  '<a b=1/>',
  '<a b/>',
  '<a b="1" b="2"/>',
  '<a b="1"c="2"/>',
  '<a b="<"/>',
  '<a b="&"/>',
  '<a>&</a>',
  '<a>& </a>',
  '<a>&nbsp;</a>',
  '<a>&constructor;</a>',
  '<a>&#0;</a>',
  '<a>&#x110000;</a>',
  '<a>&#xD800;</a>',
  '<a>&#xFFFE;</a>',
  '<a>&#;</a>',
  '<a>&#x;</a>',
  '<a>&#12a;</a>',
  '<a>&lt</a>',
  '<a>]]></a>',
  '<a><![CDATA[x</a>',
  '<![CDATA[x]]><a/>',
  '<a><!-- x</a>',
  '<a><!-- x -- y --></a>',
  '<a><!--></a>',
  '<a><!-- x ---></a>',
  '<a>\u0001</a>',
  '<a>\uffff</a>',
  '<a>\ud800</a>',
  '<1a/>',
  '< a/>',
  '<a',
  '<a b="1',
  '<a/',
  '<a / >',
  '<a>< /a>',
  '<>x</>',
  '<-a/>',
  '<a><b></a></b>',
  '<?xml version="1.0"><a/>',
  '<a><?p</a>',
];

describe('XML as expat reads it', () => {
  let oracle: Boto3Oracle;
  before(() => {
    oracle = new Boto3Oracle();
  });
  after(async () => await oracle.stop());

  for (const text of accepted) {
    it(`reads ${JSON.stringify(text.slice(0, 60))}`, async () => {
      const ours = readXml(new TextEncoder().encode(text));
      const theirs = await oracle.parseXml(text);
      expect(theirs.result, JSON.stringify(theirs)).to.be.an('object');
      expect(ours).to.deep.equal(theirs.result);
      expect(readXml(text.replace('\ufeff', ''))).to.deep.equal(theirs.result);
    });
  }
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      const theirs = await oracle.parseXml(text);
      expect(theirs).to.have.property('crash');
      expect(isXmlFault(readXml(text)), 'refused by the reader').to.equal(true);
    });
  }
});
