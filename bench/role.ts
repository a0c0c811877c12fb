/** One end of a driver in a process of its own: `node bench/role.ts <module> produce|consume <url>`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Driver, Producer } from './driver.ts';
import { type Data, dataOf, now } from './message.ts';
import type { Consumed, Paced, Pacing, Task } from './tasks.ts';

const [module = '', role, url = ''] = process.argv.slice(2);
const { driver }: { driver: Driver } = await import(module);

function answer(message: object): void {
  process.send?.(message);
}

/** How many messages may be unsent before a producer that cannot keep up stops sending more. */
const MAX_UNSENT = 5_000;

async function pace(producer: Producer, { from, rate, seconds, latencyFrom }: Pacing): Promise<Paced> {
  const start = now();
  const total = Math.floor(rate * seconds);
  let sent = 0;
  let unsent = 0;
  let refused: unknown;
  while (sent < total && now() < start + seconds * 1_000 + 1_000) {
    const sentAt = now();
    const due = Math.min(
      total,
      1 + Math.floor(((sentAt - start) * rate) / 1_000),
      sent + MAX_UNSENT - unsent,
    );
    if (due > sent) {
      const messages: Data[] = [];
      for (; sent < due; sent++) {
        messages.push(dataOf(from + sent, latencyFrom === 'due' ? start + (sent * 1_000) / rate : sentAt));
      }
      unsent += messages.length;
      producer.send(messages).then(
        () => {
          unsent -= messages.length;
        },
        (error: unknown) => {
          refused ??= error;
        },
      );
    }
    if (refused !== undefined) throw refused;
    await sleep(Math.max(1, start + (sent * 1_000) / rate - now()));
  }
  const ms = now() - start;
  while (unsent > 0 && refused === undefined) await sleep(1);
  if (refused !== undefined) throw refused;
  return { sent, ms };
}

async function produce(): Promise<void> {
  const producer = await driver.openProducer(url);
  process.on('message', async (task: Task) => {
    if (task.do === 'saturate') {
      await producer.saturate(task.from, task.count);
      answer({});
    } else if (task.do === 'pace') answer(await pace(producer, task));
    else if (task.do === 'close') {
      await producer.close();
      answer({});
      process.exit();
    }
  });
}

/** A consumer that has handled nothing for so long while more is expected has failed. In ms. */
const PATIENCE = 30_000;

function consume(): void {
  let seen = new Uint8Array(0);
  let latencies = new Float64Array(0);
  let handled = 0;
  let distinct = 0;
  let expected = Number.POSITIVE_INFINITY;
  let all = (): void => undefined;
  let close: (() => Promise<void> | void) | undefined;

  function onMessage({ n, at }: Data): void {
    handled++;
    if (seen[n] !== 0) return;
    seen[n] = 1;
    distinct++;
    if (at !== 0) latencies[n] = now() - at;
    if (distinct >= expected) all();
  }

  async function until(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    expected = count;
    all = resolve;
    if (distinct >= count) resolve();
    let before = -1;
    const watch = setInterval(() => {
      if (before === handled) throw new Error(`${module} stopped at ${distinct} of ${count} messages`);
      before = handled;
    }, PATIENCE);
    await promise;
    clearInterval(watch);
  }

  process.on('message', async (task: Task) => {
    if (task.do === 'open') {
      seen = new Uint8Array(task.most);
      latencies = new Float64Array(task.most);
      const consumer = await driver.openConsumer(url, onMessage);
      close = () => consumer.close();
      answer({});
    } else if (task.do === 'handle') {
      await until(task.count);
      answer({ distinct });
    } else if (task.do === 'close') {
      await close?.();
      const measured = latencies.subarray(task.skip).filter((latency) => latency > 0);
      answer({ handled, distinct, latencies: quantiles(measured) } satisfies Consumed);
      process.exit();
    }
  });
}

function quantiles(latencies: Float64Array): Consumed['latencies'] {
  const sorted = latencies.sort();
  const at = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? Number.NaN };
}

if (role === 'produce') await produce();
else consume();
answer({});
