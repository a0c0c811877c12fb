import { expect, onTestFinished, vi } from 'vitest';
import * as z from 'zod/mini';
import { startWorker } from '../../src/consume/worker.ts';
import { defineMessage } from '../../src/message/contract.ts';
import { type CourierEvent, observe } from '../../src/observe/events.ts';
import { createPublisher } from '../../src/publish/publisher.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { BILLING } from './redis-transport.ts';

const Order = defineMessage({ name: 'orders', version: 1, schema: z.object({ n: z.number() }) });

/** A publisher and a worker that go on whatever happens; what was accepted and what was handled. */
export function givenTraffic(transport: Transport) {
  const publisher = createPublisher({ transport });
  const accepted = new Set<number>();
  const handled = new Set<number>();
  const events: CourierEvent[] = [];
  const unobserve = observe((event) => events.push(event));
  const worker = startWorker({
    transport,
    address: BILLING,
    contract: Order,
    leaseMs: 2_000,
    concurrency: 20,
    handler: ({ data }) => void handled.add(data.n),
  });
  let stopped = false;
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
  const sending = Promise.all([send(), send(), send()]);
  onTestFinished(async () => {
    stopped = true;
    await publisher.close({ deadlineMs: 0 });
    await sending;
    await worker.close({ deadlineMs: 0 });
    unobserve();
  });
  return {
    accepted,
    handled,
    events,
    flows: async (count = 200) => {
      const goal = handled.size + count;
      await vi.waitFor(() => expect(handled.size).toBeGreaterThan(goal), { timeout: 15_000 });
    },
    /** Ends sending, and returns what was accepted and not handled. */
    async settle() {
      stopped = true;
      await sending;
      const lost = () => [...accepted].filter((one) => !handled.has(one));
      await vi.waitFor(() => expect(lost()).toEqual([]), { timeout: 10_000 }).catch(() => undefined);
      return lost();
    },
  };
}
