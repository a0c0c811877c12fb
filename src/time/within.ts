import { pause } from './backoff.ts';

/** Settles as the work does, or resolves after `ms`. */
export function within(ms: number, work: Promise<unknown> | undefined): Promise<unknown> {
  const over = new AbortController();
  return Promise.race([work, pause(ms, over.signal)]).finally(() => over.abort());
}
