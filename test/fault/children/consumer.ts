import { startWorker } from '../../../src/consume/worker.ts';
import { pause } from '../../../src/time/backoff.ts';
import { beginChild } from './child.ts';
import { LOAD, Load, sumOf } from './load.ts';
import type { ConsumerOptions } from './options.ts';
import { witness } from './witness.ts';

/** Handles until it is told to end; tells the ledger of each handling before it counts. */
const { options, transport, reporter, onTold, tell, end } = await beginChild(
  (text): ConsumerOptions => JSON.parse(text),
);
const { topology, concurrency, workMs, retry, deadlineMs } = options;
let failing = false;
const worker = startWorker({
  transport: witness(transport, reporter, () => tell({ ready: true })),
  address: LOAD,
  contract: Load,
  concurrency,
  leaseMs: topology.leaseMs,
  retry,
  async handler({ id, data: { pad, poison } }, { attempt }) {
    const begun = reporter.report({ what: 'begun', id, attempt });
    if (poison === 'kills') {
      await begun;
      process.kill(process.pid, 'SIGKILL');
    }
    if (workMs > 0) await pause(workMs);
    if (failing || poison === 'throws') {
      await reporter.report({ what: 'failed', id, attempt });
      throw new Error(failing ? 'all fail' : 'poison');
    }
    await reporter.report({ what: 'handled', id, attempt, sum: sumOf(pad) });
  },
});

onTold((message) => {
  if (message.do === 'fail') failing = message.failing;
  else if (message.do === 'measureHeap') {
    globalThis.gc?.();
    tell({ heapBytes: process.memoryUsage().heapUsed });
  }
});
process.once('SIGTERM', () => {
  void worker.close({ deadlineMs }).then(end);
});
worker.ended.catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
