import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Entry, Report } from './entry.ts';
import { onLines } from './lines.ts';
import { createReporter } from './reporter.ts';
import { createTally, type Tally } from './tally.ts';

/** The judge's side of the ledger, which is a process of its own. */
export interface Ledger {
  /** Where children report to. */
  readonly path: string;
  /** What has been written so far, a moment late: to wait for, never to judge by. */
  readonly tally: Tally;
  report(report: Report): Promise<void>;
  /** Resolves once the tally is as wanted. Rejects after `timeoutMs`. */
  until(what: string, wanted: (tally: Tally) => boolean, timeoutMs?: number): Promise<void>;
  /** Resolves once all that can be are handled, however long it takes. Rejects when for `patienceMs` none was. */
  allHandled(patienceMs?: number): Promise<void>;
  /** All that is written, from the file. */
  entries(): Promise<readonly Entry[]>;
  stop(): Promise<void>;
}

export async function startLedger(folder: string): Promise<Ledger> {
  const path = join(folder, 'ledger.sock');
  const file = join(folder, 'ledger.ndjson');
  const child = fork(join(import.meta.dirname, 'process.ts'), [path, file]);
  await once(child, 'message');
  const reporter = await createReporter(path, 'judge');
  const socket = connect(path);
  await once(socket, 'connect');
  const tally = createTally();
  const looks = new Set<() => void>();
  onLines(socket, (line) => {
    tally.add(JSON.parse(line));
    for (const look of looks) look();
  });
  socket.write('{"watch":true}\n');

  function until(what: string, wanted: (tally: Tally) => boolean, timeoutMs = 60_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        looks.delete(look);
      };
      const look = (): void => {
        if (!wanted(tally)) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${what}: not within ${timeoutMs} ms; so far ${tally.describe()}`));
      }, timeoutMs);
      looks.add(look);
      look();
    });
  }

  return {
    path,
    tally,
    report: (report) => reporter.report(report),
    until,
    async allHandled(patienceMs) {
      for (;;) {
        const { handled } = tally;
        try {
          return await until('all that can be are handled', ({ open }) => open === 0, patienceMs);
        } catch (error) {
          if (tally.handled === handled) throw error;
        }
      }
    },
    async entries() {
      const text = await readFile(file, 'utf8');
      return text
        .split('\n')
        .slice(0, -1)
        .map((line): Entry => JSON.parse(line));
    },
    async stop() {
      await reporter.close();
      socket.destroy();
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
