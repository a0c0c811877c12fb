import type { Connection } from '../redis/connection.ts';
import { integer, list } from '../redis/replies.ts';

/** In ms. The two clocks do not go at quite the same pace. */
const ASK_AGAIN = 60_000;

/** The server's clock, as far as its answers let one know it. */
export interface ServerClock {
  /** Unix time in ms. Asks the server where it has not said so for long. */
  now(): Promise<number>;
  /** It has just said what time it is. */
  heard(time: number): void;
}

export function createServerClock(connection: Connection): ServerClock {
  /** Server's time less our monotonic one. */
  let ahead = 0;
  let heardAt = Number.NEGATIVE_INFINITY;

  function heard(time: number): void {
    heardAt = performance.now();
    ahead = time - heardAt;
  }

  return {
    async now() {
      if (performance.now() - heardAt > ASK_AGAIN) heard(await ask());
      return Math.round(ahead + performance.now());
    },
    heard,
  };

  async function ask(): Promise<number> {
    const [seconds, microseconds] = list(await connection.call('TIME'));
    return integer(seconds) * 1_000 + Math.floor(integer(microseconds) / 1_000);
  }
}
