import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createQueue, Delivery } from './queue.ts';

/** What `node --expose-gc` gives. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('no garbage collector to call');
  return () => void Reflect.apply(collect, undefined, []);
}

describe('the queue of the memory carrier', () => {
  it('keeps nothing of a message that is done', async () => {
    const queue = createQueue(false);
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
