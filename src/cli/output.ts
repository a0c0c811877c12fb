import { styleText } from 'node:util';
import Table from 'cli-table3';

type Style = Parameters<typeof styleText>[0];

/** Colours a text where the terminal shows colours; plain when piped, or with NO_COLOR. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Rows under a heading; drawn with lines in a terminal, with spaces when piped. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const plain = process.stdout.isTTY ? {} : { chars: NO_LINES };
  const drawn = new Table({
    head: head.map((text) => paint('bold', text)),
    style: { head: [], border: [], 'padding-left': process.stdout.isTTY ? 1 : 0, 'padding-right': 1 },
    ...plain,
  });
  for (const row of rows) drawn.push(row.map(short));
  return drawn.toString().replace(/[ \t]+$/gm, '');
}

/** Of what others sent; how wide a text is takes the square of its length to find out. */
const LONGEST_CELL = 200;

function short(cell: string | number): string | number {
  return typeof cell === 'string' && cell.length > LONGEST_CELL ? `${cell.slice(0, LONGEST_CELL)}…` : cell;
}

/** One JSON object on a line of its own. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** A time as an operator reads it: how long ago. `at` in Unix ms. */
export function ago(at: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - at) / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** What is no sign by itself made visible: what others sent must not move an operator's cursor, or begin a line. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}

const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((part) => [part, '']),
);
