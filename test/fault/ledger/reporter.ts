import { once } from 'node:events';
import { connect } from 'node:net';
import type { Report } from './entry.ts';
import { onLines } from './lines.ts';
import type { FromClient } from './protocol.ts';

/** Tells the ledger. */
export interface Reporter {
  /** Resolves once it is written: only then may what is reported have an effect. */
  report(report: Report): Promise<void>;
  /** Waits until all is written. */
  close(): Promise<void>;
}

export async function createReporter(path: string, by: string): Promise<Reporter> {
  const socket = connect(path);
  await once(socket, 'connect');
  const waiting: (() => void)[] = [];
  let seq = 0;
  let last = Promise.resolve();
  const say = (said: FromClient): void => void socket.write(`${JSON.stringify(said)}\n`);
  // Answers come in the order of what was said.
  onLines(socket, () => waiting.shift()?.());
  say({ hello: by });
  return {
    report(report) {
      seq++;
      last = new Promise((resolve) => waiting.push(resolve));
      say({ seq, report });
      return last;
    },
    async close() {
      await last;
      socket.destroy();
    },
  };
}
