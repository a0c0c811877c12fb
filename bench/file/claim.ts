/**
 * Files: milliseconds from a file's renaming to its handler, ours and another program's; and what taking one costs with
 * few and with many waiting, by turns.
 *
 *   node bench/file/claim.ts [--rounds 5] [--files 200] [--few 100] [--many 100000] [--json]
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { openTransport, startWorker, type Transport } from '../../src/index.ts';
import { describeMachine, median } from '../machine.ts';
import { Measured } from '../measured.ts';
import { options } from '../options.ts';

const WANTED_MS = 20;
const WANTED_TIMES = 2;

const { rounds, files, few, many, json } = options({ rounds: 5, files: 200, few: 100, many: 100_000 });
const address = { topic: 'measured', subscription: 'test' };
const folder = mkdtempSync(join(tmpdir(), 'hikyaku-bench-'));

async function open(name: string): Promise<{ transport: Transport; ready: string }> {
  const root = join(folder, name);
  mkdirSync(root);
  const transport = await openTransport(pathToFileURL(root).href, {
    prefix: 'bench',
    topics: [{ name: 'measured', subscriptions: [{ name: 'test', leaseMs: 30_000, maxDeliveries: 25 }] }],
  });
  await transport.provision();
  return { transport, ready: join(root, 'measured', 'test', 'new') };
}

const envelope = (n: number): string =>
  JSON.stringify({
    specversion: '1.0',
    id: `${n}`,
    source: 'bench',
    type: 'measured',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    dataschema: 'urn:hikyaku:measured:1',
    data: { n, at: 0, model_name: 'm', model_version: '1', metric_name: 'auc', value: 0.9 },
  });

/** What our files are called; a digit for each file. */
const ours = (n: number): string => `1763740800000-${String(n).padStart(6, '0')}-0000000000.msg`;

async function fromRenameToHandler(nameOf: (n: number) => string): Promise<number[]> {
  const { transport, ready } = await open(`latency-${nameOf(0)}`);
  let handled = Promise.withResolvers<number>();
  const worker = startWorker({
    transport,
    address,
    contract: Measured,
    handler: () => handled.resolve(performance.now()),
  });
  const times: number[] = [];
  for (let n = 0; n < files + 20; n++) {
    handled = Promise.withResolvers();
    writeFileSync(join(folder, 'x'), envelope(n));
    // At no fixed distance from anything that the consumer does.
    await pause(5 + ((n * 7) % 50));
    const renamedAt = performance.now();
    renameSync(join(folder, 'x'), join(ready, nameOf(n)));
    times.push((await handled.promise) - renamedAt);
  }
  await worker.close();
  await transport.close();
  return times.slice(20);
}

async function waiting(count: number): Promise<Transport> {
  const { transport, ready } = await open(`waiting-${count}`);
  for (let n = 0; n < count; n++) writeFileSync(join(ready, ours(n)), envelope(n));
  return transport;
}

/** In ms. What is taken is replaced, so that as many wait as before. */
async function claimTime(transport: Transport): Promise<number> {
  const startedAt = performance.now();
  const received = await transport.receive(address, { max: 1, waitMs: 0, leaseMs: 30_000 });
  const ms = performance.now() - startedAt;
  await transport.settle(
    address,
    received.map(({ receipt }) => ({ receipt, action: 'ack' })),
  );
  await transport.send('measured', [{ id: 'x', body: '{}', headers: {} }]);
  return ms;
}

function share(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

try {
  const latencies = new Map<string, number[]>([
    ['ours', await fromRenameToHandler(ours)],
    ["another program's", await fromRenameToHandler((n) => `report-${n}.json`)],
  ]);
  const transports = [await waiting(few), await waiting(many)] as const;
  // The first look is at all of them.
  const first: number[] = [];
  for (const transport of transports) first.push(await claimTime(transport));
  const times: [number[], number[]] = [[], []];
  for (let n = 0; n < rounds * files; n++) {
    const turn = n % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    for (const which of turn) times[which].push(await claimTime(transports[which]));
  }
  for (const transport of transports) await transport.close();
  const rows = [...latencies].map(([name, all]) => {
    const sorted = all.toSorted((a, b) => a - b);
    return { name, median: share(sorted, 0.5), p95: share(sorted, 0.95) };
  });
  const claims = { few: median(times[0]), many: median(times[1]), first: first[1] ?? Number.NaN };
  if (json)
    console.log(
      JSON.stringify({ machine: describeMachine(), files, rounds, depths: [few, many], rows, claims }),
    );
  else {
    console.log(`files on ${describeMachine()}`);
    for (const row of rows) {
      const verdict = row.p95 < WANTED_MS ? 'met' : 'NOT met';
      console.log(
        `  ${row.name.padEnd(20)} from rename to handler ${row.median.toFixed(2)} ms, p95 ${row.p95.toFixed(2)} ms, wanted ${WANTED_MS}: ${verdict}`,
      );
    }
    const ratio = claims.many / claims.few;
    console.log(
      `  a claim ${claims.few.toFixed(3)} ms with ${few} waiting, ${claims.many.toFixed(3)} ms with ${many}: ${ratio.toFixed(2)} ×, wanted ${WANTED_TIMES} ×: ` +
        `${ratio <= WANTED_TIMES ? 'met' : 'NOT met'}; the first look at ${many} takes ${claims.first.toFixed(0)} ms`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
