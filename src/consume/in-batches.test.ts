import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { createPublisher } from '../publish/publisher.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { Reject, RetryAfter } from './handler.ts';
import { type BatchHandler, inBatches } from './in-batches.ts';
import { startWorker, type Worker } from './worker.ts';

type Data = { n: number; note?: string | undefined };

let memory: Transport;
let spy: Spy;
let worker: Worker | undefined;

beforeEach(() => {
  memory = createMemoryTransport(topologyOf('ping', 'test'));
  spy = createSpy();
});
afterEach(async () => {
  await worker?.close({ deadlineMs: 0 });
  await memory.close();
  spy.close();
});

async function work(count: number, handler: BatchHandler<Data>, handlerTimeoutMs = 5_000): Promise<void> {
  const items = Array.from({ length: count }, (_, n) => ({ data: { n }, id: `id-${n}` }));
  await createPublisher({ transport: memory }).publishMany(Ping, items);
  worker = startWorker({
    transport: memory,
    address: PING,
    contract: Ping,
    concurrency: 10,
    retry: { baseMs: 1, maxAttempts: 3 },
    handlerTimeoutMs,
    handler: inBatches(handler, { maxMessages: 4 }),
  });
}

describe('a handler of batches', () => {
  it('gets those that begin together, at most as many as it takes, each once', async () => {
    const sizes: number[] = [];
    const seen: number[] = [];
    await work(100, async (messages, { attempts }) => {
      sizes.push(messages.length);
      seen.push(...messages.map(({ data }) => data.n));
      expect(attempts).toEqual(messages.map(() => 1));
    });
    await vi.waitFor(() => expect(spy.all('handled')).toHaveLength(100), 5_000);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(Math.max(...sizes)).toBe(4);
    expect(sizes.length).toBeLessThan(60);
  });

  it('says what became of each', async () => {
    await work(4, (messages, { attempts }) =>
      messages.map(({ data }, index) => {
        if (data.n === 1) return new Reject('never');
        if (data.n === 2 && attempts[index] === 1) return new RetryAfter(1);
        if (data.n === 3 && attempts[index] === 1) return new Error('not yet');
        return undefined;
      }),
    );
    await spy.waitFor('dead_lettered', { id: 'id-1', code: 'rejected' });
    for (const id of ['id-0', 'id-2', 'id-3']) await spy.waitFor('handled', { id });
    expect(
      spy
        .all('retried')
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(['id-2', 'id-3']);
  });

  it('that throws has failed with all of them', async () => {
    let failures = 0;
    await work(4, async () => {
      if (failures++ === 0) throw new Error('the table is away');
    });
    await vi.waitFor(() => expect(spy.all('handled')).toHaveLength(4), 5_000);
    expect(spy.all('retried')).toHaveLength(4);
    expect(spy.all('retried')[0]).toMatchObject({ error: 'the table is away' });
  });

  it('whose results do not fit has failed with all of them, and is told', async () => {
    await work(2, async (messages) => [...messages, 1].map(() => undefined));
    await spy.waitFor('dead_lettered', { id: 'id-0' });
    expect((await spy.waitFor('dead_lettered', { id: 'id-1' })).error).toMatch(
      /InvalidBatchResult: \d results for \d messages?/,
    );
  });

  it('is told when its time is up', async () => {
    let signal: AbortSignal | undefined;
    await work(
      2,
      (_, context) => {
        signal ??= context.signal;
        return new Promise(() => {});
      },
      30,
    );
    await spy.waitFor('retried', { id: 'id-1' });
    expect(signal?.aborted).toBe(true);
  });
});
