// What README and docs name exists: files, links, scripts, commands, options. A stranger finds the project by them.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const namesIn = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);

const decisions = namesIn('docs/decisions').toSorted();
const docs = namesIn('docs');
const own = ['README.md', 'docs/lifecycle.md', 'docs/operations.md', 'docs/threat-model.md', ...decisions];
const pages = ['README.md', 'SECURITY.md', 'CHANGELOG.md', ...docs, ...decisions];

/** README has its reader make this link. */
const madeByReader = new Set(['bin/iam-agent']);

describe('README and docs', () => {
  it('name files that exist', () => {
    const pattern =
      /(?<![\w/.$-])(?:agent|control-plane|protocol|terminal|test|systemd|bench|scripts|docs|bin)\/[\w./-]*\w/g;
    const named = own.flatMap((page) => read(page).match(pattern) ?? []).filter((path) => !madeByReader.has(path));
    expect(named.length).to.be.above(50);
    expect(named.filter((path) => !existsSync(join(root, path)))).to.deep.equal([]);
  });

  it('have links that lead somewhere, to the heading', () => {
    const broken = pages.flatMap((page) => linksOf(page).filter((link) => !leads(link)));
    expect(broken.map(({ page, text }) => `${page}: ${text}`)).to.deep.equal([]);
    expect(leads({ page: 'README.md', text: 'x', path: 'README.md', heading: 'no-such-heading' })).to.equal(false);
  });

  it('can all be found from README', () => {
    const linked = new Set(pages.flatMap((page) => linksOf(page).map(({ path }) => path)));
    expect(docs.filter((page) => !linked.has(page))).to.deep.equal([]);
  });

  it('name npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = own.flatMap((page) => [...read(page).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name));
    expect(named).to.include('demo');
    expect(named.filter((name) => scripts[name] === undefined)).to.deep.equal([]);
    expect(scripts).to.include.keys('test');
  });

  it('keep README short', () => {
    expect(read('README.md').split('\n').length).to.be.at.most(150);
  });

  describe('commands', function () {
    this.timeout(60_000);
    const commands = own.flatMap((page) => codeOf(read(page)).flatMap(commandsOf));

    it('exist, with the options that are named', async () => {
      expect(commands.length).to.be.above(20);
      const wrong: string[] = [];
      for (const path of new Set(commands.map((command) => command.path))) {
        const help = await helpOf(path);
        if (!help.startsWith(`Usage: ${path} `)) wrong.push(`there is no command ${path}`);
        const options = commands.filter((command) => command.path === path).flatMap((command) => command.options);
        for (const option of options) if (!hasOption(help, option)) wrong.push(`${path} has no ${option}`);
      }
      expect(wrong).to.deep.equal([]);
      expect(await helpOf('iam-agent no-such-command')).not.to.include('Usage: iam-agent no-such-command');
    });
  });
});

describe('decisions', () => {
  it('are numbered one after the other, and each has context, choice and price', () => {
    for (const [index, page] of decisions.entries()) {
      const number = String(index + 1).padStart(4, '0');
      expect(page).to.match(new RegExp(`^docs/decisions/${number}-[a-z0-9-]+\\.md$`));
      expect(read(page)).to.match(new RegExp(`^# ${number} \\S`));
      expect([...read(page).matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).to.deep.equal([
        'Context',
        'Choice',
        'Price',
      ]);
    }
    expect(decisions).not.to.deep.equal([]);
  });
});

interface Link {
  readonly page: string;
  readonly text: string;
  readonly path: string;
  readonly heading: string | null;
}

/** Links within the repository. */
function linksOf(page: string): Link[] {
  const targets = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((text) => {
      const [path = '', heading] = text.split('#');
      const whole = path === '' ? page : normalize(join(dirname(page), path));
      return { page, text, path: whole, heading: heading ?? null };
    });
}

function leads({ path, heading }: Link): boolean {
  if (!existsSync(join(root, path))) return false;
  return heading === null || headingsOf(path).includes(heading);
}

/** As the usual renderers make them: lower case, punctuation gone, blanks to dashes. */
function headingsOf(page: string): string[] {
  const headings = [...withoutFences(read(page)).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text);
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

function withoutFences(text: string): string {
  return text.replaceAll(/^```[^]*?^```$/gm, '');
}

function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/`[^`]*`/g, '');
}

/** Lines of code blocks, continued lines joined, and code within text. */
function codeOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([^]*?)^```$/gm)].map(([, body = '']) => body);
  const lines = blocks.flatMap((body) => body.replaceAll(/\\\n\s*/g, '').split('\n'));
  const inline = [...withoutFences(text).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll('\n', ' '));
  return [...lines, ...inline];
}

interface Named {
  readonly path: string;
  readonly options: readonly string[];
}

/** Commands of the two programs in a line of shell; `agents clear NAME` alone is one of the control plane's. */
function commandsOf(line: string): Named[] {
  const groups = new Set(['agents', 'jobs', 'tokens']);
  return line.split(/[|;#&]/).flatMap((part) => {
    const found = /(?:^|[\s/])(iam-agent|iam-control-plane)(?:\.mjs)?((?: .*)?)$/.exec(part.trimEnd());
    const words = (found?.[2] ?? part).trim().split(/\s+/);
    const [first = '', second = ''] = words;
    const program = found?.[1] ?? (groups.has(first) && /^[a-z]+$/.test(second) ? 'iam-control-plane' : null);
    if (program === null || !/^[a-z]+$/.test(first)) return [];
    const path = [program, first, ...(groups.has(first) ? [second] : [])].join(' ');
    return [{ path, options: words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split('=')[0] ?? '') }];
  });
}

async function helpOf(path: string): Promise<string> {
  const [program = '', ...words] = path.split(' ');
  const args = [join(root, 'bin', `${program}.mjs`), ...words, '--help'];
  return (await promisify(execFile)(process.execPath, args).catch(() => ({ stdout: '' }))).stdout;
}

function hasOption(help: string, option: string): boolean {
  return new RegExp(`(?:^|[\\s,])${option}(?=[\\s,]|$)`, 'm').test(help);
}
