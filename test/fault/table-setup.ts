import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { readSelection } from './selection.ts';
import { tableAsMarkdown, tableAsText } from './table.ts';
import type { Line } from './try-fault.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The file that lines of the table are added to. */
    faultLines: string;
  }
}

/** Says the seed; at the end prints the table, and writes it where `--out` says. */
export default function setup({ provide }: TestProject): () => void {
  const { seed, nightly, out } = readSelection(process.env);
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-faults-'));
  const file = join(folder, 'lines.ndjson');
  writeFileSync(file, '');
  provide('faultLines', file);
  process.stdout.write(`seed ${seed}, ${nightly ? 'nightly' : 'CI'} form\n`);
  return () => {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line): Line => JSON.parse(line))
      .toSorted((a, b) => a.fault.localeCompare(b.fault) || a.carrier.localeCompare(b.carrier));
    rmSync(folder, { recursive: true });
    process.stdout.write(`\n${tableAsText(lines)}\nseed ${seed}, ${nightly ? 'nightly' : 'CI'} form\n`);
    if (out === undefined) return;
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'faults.json'), `${JSON.stringify({ seed, nightly, lines }, undefined, 2)}\n`);
    writeFileSync(join(out, 'faults.md'), tableAsMarkdown(lines));
  };
}
