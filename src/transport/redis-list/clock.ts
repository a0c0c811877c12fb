import type { Connection } from '../redis/connection.ts';
import { integer, list } from '../redis/replies.ts';

/** The server's clock, as far as its answers let one know it. */
export interface ServerClock {
  /** Unix time in ms. Asks the server the first time. */
  now(): Promise<number>;
  /** It has just said what time it is. */
  heard(time: number): void;
}

export function createServerClock(connection: Connection): ServerClock {
  /** Server's time less our monotonic one. */
  let ahead: number | undefined;

  function heard(time: number): number {
    ahead = time - performance.now();
    return ahead;
  }

  return {
    async now() {
      ahead ??= heard(await ask());
      return Math.round(ahead + performance.now());
    },
    heard,
  };

  async function ask(): Promise<number> {
    const [seconds, microseconds] = list(await connection.call('TIME'));
    return integer(seconds) * 1_000 + Math.floor(integer(microseconds) / 1_000);
  }
}
