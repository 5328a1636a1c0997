import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isFailure } from '../../terminal/fail.ts';
import { parseSets } from '../../terminal/parse-set.ts';

describe('parseSets', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parse-set-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function failed(...settings: readonly string[]): Promise<string> {
    const inputs = await parseSets(settings);
    if (!isFailure(inputs)) throw new Error('expected a failure');
    return `${inputs.exit} ${inputs.code}: ${inputs.detail}`;
  }

  it('splits at the first =, and lets inputs have spaces', async () => {
    const inputs = await parseSets(['Access Key={{ key }}', ' Username = a=b ', 'Path=', '__proto__=x']);
    expect(inputs).to.deep.equal(
      Object.fromEntries([
        ['Access Key', '{{ key }}'],
        ['Username', ' a=b '],
        ['Path', ''],
        ['__proto__', 'x'],
      ]),
    );
    expect(Object.keys(inputs)).to.include('__proto__');
  });

  it('reads @file without the last line break, and @@ as @', async () => {
    const path = join(folder, 'policy.json');
    await writeFile(path, '{"a": "{{ b }}"}\n\n');
    expect(await parseSets([`Policy Document=@${path}`, 'Name=@@me'])).to.deep.equal({
      'Policy Document': '{"a": "{{ b }}"}\n',
      Name: '@me',
    });
  });

  it('refuses what is no setting', async () => {
    expect(await failed('Username')).to.match(/^usage usage: --set expects Input=template, found 'Username'/);
    expect(await failed('=x')).to.match(/^usage usage: --set has no input name/);
    expect(await failed('A=1', 'B=2', 'A =3')).to.match(/^usage usage: --set gives the input 'A' twice/);
  });

  it('refuses files that are absent, too large or no text', async () => {
    expect(await failed(`A=@${join(folder, 'none')}`)).to.match(/^io file_unreadable: .*none cannot be read/);
    const large = join(folder, 'large');
    await writeFile(large, Buffer.alloc(300 * 1024, 'x'));
    expect(await failed(`A=@${large}`)).to.match(/^bad_data template_budget: /);
    expect(await failed('A=@/dev/zero')).to.match(/^bad_data template_budget: /);
    const binary = join(folder, 'binary');
    await writeFile(binary, Buffer.from([0xff, 0xfe]));
    expect(await failed(`A=@${binary}`)).to.match(/^io file_unreadable: /);
  });
});
