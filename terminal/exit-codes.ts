// The exit statuses of both programs: a closed table, read by scripts and by systemd's RestartPreventExitStatus. Changing one is an API change.

interface ExitRow {
  readonly status: number;
  readonly meaning: string;
}

export const exitCodes = {
  ok: { status: 0, meaning: 'Done; no row failed.' },
  row_failed: { status: 1, meaning: 'At least one row did not succeed, or the job was rejected.' },
  usage: { status: 2, meaning: 'The command line is wrong; nothing was done.' },
  bad_data: { status: 65, meaning: 'The input (rows, a template, a request) is not valid.' },
  unavailable: { status: 69, meaning: 'The other side cannot be reached.' },
  internal: { status: 70, meaning: 'A fault in this program.' },
  io: { status: 74, meaning: 'A file or a pipe could not be read or written.' },
  temporary: { status: 75, meaning: 'It failed for now; the same command may work later.' },
  permission: { status: 77, meaning: 'Not paired, or not permitted.' },
  configuration: { status: 78, meaning: 'The configuration is not valid.' },
  interrupted: { status: 130, meaning: 'Stopped by a signal from the terminal.' },
} as const satisfies Record<string, ExitRow>;

export type ExitCode = keyof typeof exitCodes;

export function exitStatus(code: ExitCode): number {
  return exitCodes[code].status;
}

/** For a help page: one line a code. */
export function exitCodeHelp(codes: readonly ExitCode[]): string {
  const lines = codes.map((code) => `  ${String(exitCodes[code].status).padStart(3)}  ${exitCodes[code].meaning}`);
  return ['', 'Exit status:', ...lines].join('\n');
}
