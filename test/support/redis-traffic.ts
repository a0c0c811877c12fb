import { expect, onTestFinished, vi } from 'vitest';
import * as z from 'zod/mini';
import { startWorker } from '../../src/consume/worker.ts';
import { defineMessage } from '../../src/message/contract.ts';
import { type CourierEvent, observe } from '../../src/observe/events.ts';
import { createPublisher } from '../../src/publish/publisher.ts';
import type { Transport } from '../../src/transport/transport.ts';

export interface Traffic {
  readonly handled: ReadonlySet<number>;
  readonly events: readonly CourierEvent[];
  /** Waits until so many more have been handled. */
  flows(count?: number, timeout?: number): Promise<void>;
  /** Sends nothing more, and waits until all that was sent is accepted or refused. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends sending, and returns what was accepted and not handled. */
  settle(): Promise<number[]>;
}

/** A publisher and a worker that go on whatever happens. They end with the test. */
export function givenTraffic(transport: Transport, topic = 'orders', subscription = 'billing'): Traffic {
  const Order = defineMessage({ name: topic, version: 1, schema: z.object({ n: z.number() }) });
  const publisher = createPublisher({ transport });
  const accepted = new Set<number>();
  const handled = new Set<number>();
  const events: CourierEvent[] = [];
  const unobserve = observe((event) => events.push(event));
  const worker = startWorker({
    transport,
    address: { topic, subscription },
    contract: Order,
    leaseMs: 2_000,
    concurrency: 20,
    handler: ({ data }) => void handled.add(data.n),
  });
  let stopped = false;
  let sending: Promise<unknown> = Promise.resolve();
  let n = 0;
  async function send(): Promise<void> {
    while (!stopped) {
      const one = n++;
      await publisher.publish(Order, { n: one }).then(
        () => accepted.add(one),
        () => undefined,
      );
    }
  }
  function resume(): void {
    stopped = false;
    sending = Promise.all([send(), send(), send()]);
  }
  resume();
  onTestFinished(async () => {
    stopped = true;
    await publisher.close({ deadlineMs: 0 });
    await sending;
    await worker.close({ deadlineMs: 0 });
    unobserve();
  });
  return {
    handled,
    events,
    async flows(count = 200, timeout = 15_000) {
      const goal = handled.size + count;
      await vi.waitFor(() => expect(handled.size).toBeGreaterThan(goal), { timeout });
    },
    async pause() {
      stopped = true;
      await sending;
    },
    resume,
    async settle() {
      stopped = true;
      await sending;
      const lost = () => [...accepted].filter((one) => !handled.has(one));
      await vi.waitFor(() => expect(lost()).toEqual([]), { timeout: 10_000 }).catch(() => undefined);
      return lost();
    },
  };
}
