// `version`: what to quote in a report.
import { Command } from 'commander';
import { protocolVersion } from '../../protocol/version.ts';
import { action } from '../../terminal/program.ts';
import { type Terminal, writeText } from '../../terminal/terminal.ts';

export interface Versions {
  readonly program: string;
  /** Of the runtime, for example v24.21.0. */
  readonly node: string;
}

export function versionCommand(terminal: Terminal, versions: Versions): Command {
  return new Command('version')
    .description('Print the versions of the program, its protocol and its runtime')
    .option('--json', 'one JSON object: program, protocol, node')
    .action(
      action(terminal, async (options: { readonly json?: true }) => {
        const { program, node } = versions;
        const text = `iam-agent ${program}\nprotocol ${protocolVersion}\nnode ${node}\n`;
        const json = `${JSON.stringify({ program, protocol: protocolVersion, node })}\n`;
        await writeText(terminal.stdout, options.json === true ? json : text);
        return 'ok';
      }),
    );
}
