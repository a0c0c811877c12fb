import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { PING, topologyOf } from '../../../test/support/ping.ts';
import { createMemoryTransport } from './memory.ts';
import { createQueue, Delivery } from './queue.ts';

/** What `node --expose-gc` gives. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('no garbage collector to call');
  return () => void Reflect.apply(collect, undefined, []);
}

describe('a receive that waits', () => {
  const open = () => createMemoryTransport(topologyOf('ping', 'test'));
  const wait = { max: 1, waitMs: 10_000 };

  it('sees what falls due sooner than anything it knew of', async () => {
    const transport = open();
    const asked = performance.now();
    const received = transport.receive(PING, { ...wait, leaseMs: 1_000 });
    await transport.send('ping', [
      { id: 'late', body: '', headers: {}, delayMs: 20_000 },
      { id: 'soon', body: '', headers: {}, delayMs: 40 },
    ]);
    expect((await received).map(({ id }) => id)).toEqual(['soon']);
    expect(performance.now() - asked).toBeLessThan(2_000);
    await transport.close();
  });

  it('takes over what another, that waited with it, abandons', async () => {
    const transport = open();
    const asked = performance.now();
    const both = [40, 1_000].map((leaseMs) => transport.receive(PING, { ...wait, leaseMs }));
    await transport.send('ping', [{ id: 'one', body: '', headers: {} }]);
    const [first, second] = await Promise.all(both);
    expect(first).toMatchObject([{ id: 'one', deliveries: 1 }]);
    expect(second).toMatchObject([{ id: 'one', deliveries: 2 }]);
    expect(performance.now() - asked).toBeLessThan(2_000);
    await transport.close();
  });
});

describe('the queue of the memory carrier', () => {
  it('keeps nothing of a message that is done', async () => {
    const queue = createQueue({ ordered: false, maxDeliveries: 25, onGivenUp: () => undefined });
    const collect = collector();

    /** In a function of its own, for its variables to be gone. */
    function handle(): WeakRef<object> {
      const headers = { about: 'a message' };
      queue.add({ id: 'id', body: '', headers }, 0);
      for (const { receipt } of queue.take(1, 1_000)) {
        if (receipt instanceof Delivery) queue.settle(receipt, { receipt, action: 'ack' });
      }
      return new WeakRef(headers);
    }

    const left = handle();
    await new Promise(setImmediate);
    collect();
    expect(left.deref()).toBeUndefined();
  });
});
