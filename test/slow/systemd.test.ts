// The unit as systemd's own tools read it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const source = new URL('../../systemd/', import.meta.url);
const unit = readFileSync(new URL('iam-agent.service', source), 'utf8');
const maxExposure = 1.5;

function settings(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [, key = '', value = ''] of text.matchAll(/^([A-Za-z]+)=(.*)$/gm))
    found.set(key, [...(found.get(key) ?? []), value]);
  return found;
}

describe('the systemd unit', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'unit-'));
    file = join(folder, 'iam-agent.service');
    // The program is not installed where the tests run; everything else stays as it is.
    writeFileSync(file, unit.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const analyze = (...args: readonly string[]): string =>
    execFileSync('systemd-analyze', ['--no-pager', ...args], {
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });

  it('is read by systemd without a complaint', () => {
    // verify reports on standard error and fails; an unknown setting is a complaint without a failure, so both count.
    const output = execFileSync('sh', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1', 'sh', file], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(output.split('\n').filter((line) => line.includes('iam-agent'))).to.deep.equal([]);
  });

  it(`has an exposure of at most ${maxExposure}`, () => {
    const exposure = /Overall exposure level for iam-agent\.service: ([\d.]+)/.exec(
      analyze('security', '--offline=true', file),
    );
    expect(Number(exposure?.[1])).to.be.within(0.1, maxExposure);
    // The same program without the confinement, to know that the number means something.
    writeFileSync(file, '[Service]\nExecStart=/bin/true\n');
    const open = /Overall exposure level for iam-agent\.service: ([\d.]+)/.exec(
      analyze('security', '--offline=true', file),
    );
    expect(Number(open?.[1])).to.be.above(9);
  });

  it('fits the daemon: notification, watchdog, exit codes and drain', () => {
    const of = settings(unit);
    expect(of.get('Type')).to.deep.equal(['notify']);
    expect(Number(of.get('WatchdogSec')?.[0])).to.be.within(10, 300);
    expect(of.get('Restart')).to.deep.equal(['always']);
    expect(of.get('RestartPreventExitStatus')).to.deep.equal(['77 78']);
    expect(of.get('ExecStart')).to.deep.equal(['/opt/iam-agent/bin/iam-agent run --config /etc/iam-agent/config.yaml']);
    expect(of.get('User')).to.deep.equal(['iam-agent']);
    const drain = /`drain_seconds` +\| `(\d+)`/.exec(readFileSync(new URL('../docs/configuration.md', source), 'utf8'));
    expect(Number(of.get('TimeoutStopSec')?.[0])).to.be.above(Number(drain?.[1]));
  });

  it('says why memory can be made executable, and filters calls with an error instead of a kill', () => {
    const of = settings(unit);
    expect(of.has('MemoryDenyWriteExecute')).to.equal(false);
    expect(unit).to.match(/^# MemoryDenyWriteExecute= stays off: .*V8/m);
    expect(of.get('SystemCallErrorNumber')).to.deep.equal(['EPERM']);
    expect(of.get('SystemCallFilter')?.[0]).to.include('@pkey');
  });

  it('has a drop-in for later systemd that hands the notification socket over and closes it to others', () => {
    const of = settings(readFileSync(new URL('iam-agent-v253.conf', source), 'utf8'));
    expect(of.get('OpenFile')).to.deep.equal(['/run/systemd/notify:notify:graceful']);
    expect(of.get('NotifyAccess')).to.deep.equal(['main']);
  });

  it('has a user that systemd-sysusers can make', () => {
    const root = join(folder, 'root');
    mkdirSync(join(root, 'etc'), { recursive: true });
    const users = readFileSync(new URL('iam-agent.sysusers', source), 'utf8');
    writeFileSync(join(folder, 'iam-agent.conf'), users);
    execFileSync('systemd-sysusers', [`--root=${root}`, join(folder, 'iam-agent.conf')], { timeout: 60_000 });
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).to.match(
      /^iam-agent:.*:\/var\/lib\/iam-agent:\/usr\/sbin\/nologin$/m,
    );
  });
});
