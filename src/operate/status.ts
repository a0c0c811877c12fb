import { type Config, subscriptionsOf } from '../config/define-config.ts';
import type { Depth, Transport } from '../transport/transport.ts';

export interface SubscriptionStatus extends Depth {
  readonly topic: string;
  readonly subscription: string;
}

/** How many messages stand where, for every subscription of the config. Rejects with a TransportError. */
export function readStatus(transport: Transport, config: Config): Promise<SubscriptionStatus[]> {
  return Promise.all(
    subscriptionsOf(config).map(async ({ address }) => ({ ...address, ...(await transport.depth(address)) })),
  );
}
