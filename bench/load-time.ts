import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import config from '../hikyaku.config.ts';
import { bundleLambdas } from '../infra/bundles/bundle.ts';
import { BUNDLES, consumerOf } from '../infra/bundles/functions.ts';
import { subscriptionsOf } from '../src/config/define-config.ts';
import { describeMachine, median } from './machine.ts';

/**
 * How long a consumer's bundle takes to load, over a handler that does nothing: both imported by fresh
 * processes, in turns, so that what slows the machine slows both. Only prints, and never fails: a time says
 * something about a machine too.
 */
const ROUNDS = 31;
const BUDGET_MS = 6;

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const run = promisify(execFile);

/** Milliseconds that `await import()` of a module takes in a fresh process. */
async function loadTime(module: string): Promise<number> {
  const script = `const start = performance.now(); await import(${JSON.stringify(pathToFileURL(module).href)}); console.log(performance.now() - start);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  return Number(stdout.trim().split('\n').at(-1));
}

const folder = await mkdtemp(join(tmpdir(), 'hikyaku-load-time-'));
try {
  const bare = join(folder, 'bare.mjs');
  await writeFile(bare, 'export const handler = async () => ({ batchItemFailures: [] });\n');
  const results = [];
  for (const { name, module, start } of await bundleLambdas(
    subscriptionsOf(config).map(consumerOf),
    BUNDLES,
  )) {
    const times: { bare: number; consumer: number }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      times.push({ bare: await loadTime(bare), consumer: await loadTime(module) });
    }
    times.shift(); // fills the disk's cache
    results.push({
      name,
      startBytes: start.bytes,
      bareMs: median(times.map(({ bare }) => bare)),
      consumerMs: median(times.map(({ consumer }) => consumer)),
      moreMs: median(times.map(({ bare, consumer }) => consumer - bare)),
    });
  }
  const machine = describeMachine();
  if (values.json) {
    console.log(
      JSON.stringify({ benchmark: 'load-time', machine, rounds: ROUNDS, budgetMs: BUDGET_MS, results }),
    );
  } else {
    console.log(`Time to load a consumer's bundle: medians of ${ROUNDS} rounds, on ${machine}`);
    for (const { name, startBytes, bareMs, consumerMs, moreMs } of results) {
      const verdict = moreMs <= BUDGET_MS ? 'within' : 'OVER';
      console.log(
        `${name} (${startBytes} bytes at start): ${consumerMs.toFixed(1)} ms, a bare handler ${bareMs.toFixed(1)} ms: ` +
          `${moreMs.toFixed(1)} ms more (${(consumerMs / bareMs).toFixed(2)} ×), ${verdict} the budget of ${BUDGET_MS} ms`,
      );
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
