// A small list for people: columns as wide as they must be, nothing cut, nothing that could act on the terminal.
import { displayWidth, padded, visible } from './visible-text.ts';

export function plainTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((cells) => cells.map((cell) => visible(cell === '' ? '-' : cell)));
  const widths = header.map((_name, at) => Math.max(...lines.map((cells) => displayWidth(cells[at] ?? ''))));
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, at) => padded(cell, widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
