// No problem may quote a secret, wherever in the file it stands.
import { expect } from 'chai';
import { formatProblems } from '../../../agent/config/problem.ts';
import { base, ConfigFolder, connection, secret } from './config-folder.ts';

describe('what problems of a configuration never show', () => {
  let folder: ConfigFolder;
  beforeEach(() => {
    folder = new ConfigFolder();
  });
  afterEach(() => folder.remove());

  it('is a password that a template rendered into a wrong value', async () => {
    folder.put('p', secret);
    for (const field of ['region', 'role_arn', 'role_session_name', 'proxy', 'endpoints']) {
      const value =
        field === 'endpoints' ? '{ iam: "{{ p }}", sts: "https://{{ p|int }}.example.com/?x" }' : '"{{ p }}"';
      const problems = await folder.bad(
        connection(`reference_values: [{ name: p, value_file: p }]\n${field}: ${value}`),
      );
      expect(JSON.stringify(problems), field).not.to.include('wJalr');
    }
  });

  it('is a value or argument of the wrong kind, or a secret under a wrong key', async () => {
    const texts = [
      connection('reference_values: [{ name: p, value: 123456789, kind: password }]'),
      connection(`credentials: { secret_key: ${secret} }`),
      connection(`credentials: ${secret}`),
      connection(`credentials: { profile: [${secret}], source: ${secret.length} }`),
      connection(`reference_values: ${secret}`),
      connection(`credentials: { process: [print, { key: ${secret} }, "${secret}\\u0007"] }`),
      connection(`reference_values: [{ name: p, value: "${secret}", value_file: x }]`),
      connection(`reference_values: "${secret}`),
      `${connection(`reference_values: [{ name: p, value: ${secret} }]`)}]${secret}\n`,
      `${base}proxy: "http://u:${secret}@x"\n`,
      `control_plane: { url: "https://a.example.com", proxy: "ftp://u:${secret}@x/" }\n`,
      `${secret}\n`,
      `*${secret}\n`,
      `a: !${secret} x\n`,
    ];
    for (const text of texts) {
      const shown = formatProblems({ kind: 'config_problems', file: 'f', problems: await folder.bad(text) });
      expect(shown, text).not.to.include('wJalr').and.not.to.include('123456789');
    }
  });
});
