import { pause } from './backoff.ts';

/** Resolves when the work has ended, or after `ms`. Rejects only where the work does, by then. */
export async function within(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([work, pause(ms, over.signal)]);
  } finally {
    over.abort();
  }
}
