import Table from 'cli-table3';
import type { Line } from './try-fault.ts';

const HEAD = [
  'fault',
  'carrier',
  'times',
  'accepted',
  'unknown',
  'handled',
  'duplicates',
  'dead',
  'lost',
  'recovery p50 / max',
];

function cells(line: Line): string[] {
  const { fault, carrier, times, accepted, unknown, handled, duplicates, dead, lost } = line;
  const { recoveryP50Ms: p50, recoveryMaxMs: max } = line;
  const recovery = p50 === undefined || max === undefined ? '–' : `${seconds(p50)} / ${seconds(max)} s`;
  return [
    fault,
    carrier,
    ...[times, accepted, unknown, handled, duplicates, dead, lost].map((count) => count.toLocaleString('en')),
    recovery,
  ];
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? (ms / 1_000).toFixed(1) : 'never';
}

export function tableAsText(lines: readonly Line[]): string {
  const table = new Table({ head: [...HEAD, ''], style: { head: [], border: [], compact: true } });
  for (const line of lines) table.push([...cells(line), line.ok ? 'ok' : 'BROKEN']);
  const notes = lines.flatMap(({ fault, carrier, note }) =>
    note ? [`${fault} on ${carrier}: ${note}`] : [],
  );
  return [table.toString(), ...notes].join('\n');
}

export function tableAsMarkdown(lines: readonly Line[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const notes = lines.flatMap(({ fault, carrier, note }) =>
    note ? [`- ${fault} on ${carrier}: ${note}`] : [],
  );
  return [
    row(HEAD),
    row(HEAD.map((_, index) => (index < 2 ? '---' : '---:'))),
    ...lines.map((line) => row(cells(line))),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
  ].join('\n');
}
