import { pause } from './backoff.ts';

/** Settles as the work does, or resolves to undefined after `ms`. */
export function within<Result>(ms: number, work: Promise<Result> | undefined): Promise<Result | undefined> {
  const over = new AbortController();
  const late = pause(ms, over.signal).then(() => undefined);
  return Promise.race([work, late]).finally(() => over.abort());
}
