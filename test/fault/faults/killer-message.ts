import type { Fault } from '../fault.ts';

const COUNT = 60;
const ATTEMPTS = 2;

/** A message ends every process that begins on it; something starts the process again each time. */
export const killerMessage: Fault = {
  name: 'killer-message',
  leaseMs: 1_000,
  maxDeliveries: 3 * ATTEMPTS + 10,
  async run({ consumer, producer, ledger, nightly, empty, enough }) {
    const every = nightly ? COUNT / 3 : COUNT;
    const load = await producer({ count: COUNT, poison: { every, kind: 'kills' } });
    await load.exit;
    let deaths = 0;
    let over = false;
    async function supervise(): Promise<void> {
      while (!over) {
        // One that dies as soon as it has begun may not even have said that it had.
        const code = await consumer({ retry: { maxAttempts: ATTEMPTS, baseMs: 100, maxMs: 500 } }).then(
          ({ exit }) => exit,
          () => null,
        );
        if (code === null) deaths++;
      }
    }
    void supervise();
    try {
      await ledger.allHandled(120_000);
      await empty(COUNT / every);
    } finally {
      over = true;
    }
    await enough(await producer());
    const times = deaths;
    return { times, duplicates: times * 60, recoveryMs: 0, note: `it took ${times} processes` };
  },
};
