import { type Config, subscriptionsOf } from '../config/define-config.ts';
import { pause } from '../time/backoff.ts';
import type { Transport } from '../transport/transport.ts';

const LOOK_EVERY_MS = 100;

/** Resolves when no message is ready, in flight or delayed anywhere, or when the signal fires. */
export async function untilSettled(transport: Transport, config: Config, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const depths = await Promise.all(subscriptionsOf(config).map(({ address }) => transport.depth(address)));
    if (depths.every(({ ready, inFlight, delayed }) => ready + inFlight + delayed === 0)) return;
    await pause(LOOK_EVERY_MS, signal);
  }
}
