// What hostile answers must not do: expand, nest without end, take long, or come back out in an error text. Equality with expat is in
// test/conformance/xml.test.ts.
import { expect } from 'chai';
import { isXmlFault, readXml, xmlLimits } from '../../../agent/iam/xml.ts';

function faultOf(body: Uint8Array | string): string {
  const read = readXml(body);
  if (!isXmlFault(read)) throw new Error('it was read');
  return read.detail;
}

describe('XML of an answer', () => {
  it('refuses every document type: entity bombs, external entities, empty ones', () => {
    const bomb =
      '<!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;"><!ENTITY z "&y;&y;&y;&y;&y;&y;">]><a>&z;</a>';
    const external = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>';
    for (const text of [bomb, external, '<!DOCTYPE a><a/>', '<a/><!DOCTYPE a>', '<a><!ELEMENT a ANY></a>']) {
      expect(faultOf(text)).to.contain('document type');
    }
  });

  it('bounds the depth', () => {
    const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
    expect(isXmlFault(readXml(nested(xmlLimits.depth)))).to.equal(false);
    expect(faultOf(nested(xmlLimits.depth + 1))).to.contain('too deep');
    expect(faultOf(nested(200_000))).to.contain('too deep');
  });

  it('bounds the size before it reads', () => {
    expect(faultOf(new Uint8Array(xmlLimits.bytes + 1))).to.contain('limit');
  });

  it('bounds what becomes an object, whatever it is', () => {
    const many = (part: string, count: number): string => `<a>${part.repeat(count)}</a>`;
    expect(isXmlFault(readXml(many('<b/>', 100_000)))).to.equal(false);
    for (const part of ['<b/>', '<b></b>', '<!---->', 'x<?p?>', '<![CDATA[x]]>']) {
      expect(faultOf(many(part, xmlLimits.parts + 1)), part).to.contain('more than');
    }
    const attributes = Array.from({ length: xmlLimits.parts + 1 }, (_, at) => `a${at}=""`);
    expect(faultOf(`<a ${attributes.join(' ')}/>`)).to.contain('more than');
  });

  it('reads every form of reference, and stops at the first that is none', () => {
    const read = readXml('<a>1&amp;&lt;2&gt;&quot;&apos;&#65;&#x42;&#x0000043;&#0000000068;3</a>');
    expect(isXmlFault(read) ? read.detail : read.text).to.equal('1&<2>"\'ABCD3');
    for (const wrong of ['&', '&&', '&;', '&amp', '&amp &amp;', `&${'a'.repeat(50)};`, '&#;', '&#x110000;']) {
      expect(faultOf(`<a>${wrong}</a>`), wrong).to.match(/ampersand|entity|no character/);
    }
  });

  it('refuses what is not UTF-8', () => {
    expect(faultOf(Uint8Array.of(0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e))).to.equal('not UTF-8');
    expect(faultOf(Uint8Array.of(0xff, 0xfe, 0x3c, 0x00, 0x61, 0x00))).to.equal('not UTF-8');
  });

  it('never quotes the document in a fault', () => {
    const secret = 'S3CR3T';
    const texts = [
      `<a>${secret}&${secret};</a>`,
      `<${secret}></b>`,
      `${secret}<a/>`,
      `<a ${secret}=1/>`,
      `<a>${secret}`,
    ];
    for (const text of texts) expect(faultOf(text)).to.not.contain(secret);
  });

  it('takes time in proportion to the size', () => {
    const shapes = [
      (size: number): string => `<a>${'&#65;'.repeat(size)}</a>`,
      (size: number): string => `<a>${'<b/>'.repeat(size)}</a>`,
      (size: number): string => `<a ${'b '.repeat(size)}`,
      (size: number): string => `<a>${'&'.repeat(size)}`,
      (size: number): string => `<${'x'.repeat(size)}`,
      (size: number): string => `<a>${'<!--->'.repeat(size)}`,
      (size: number): string => `<a>${'x<!-- -->'.repeat(size)}</a>`,
    ];
    const timeOf = (text: string): number => {
      const times = Array.from({ length: 5 }, () => {
        const start = performance.now();
        readXml(text);
        return performance.now() - start;
      });
      return Math.min(...times);
    };
    for (const shape of shapes) {
      timeOf(shape(20_000));
      // 8 times the size; a quadratic reader would take 64 times as long.
      const ratio = timeOf(shape(160_000)) / Math.max(timeOf(shape(20_000)), 0.5);
      expect(ratio, shape(3)).to.be.below(40);
    }
  });
});
