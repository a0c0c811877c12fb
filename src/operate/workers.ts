import { type Config, subscriptionsOf } from '../config/define-config.ts';
import { TransportError } from '../transport/errors.ts';
import type { Address, ConsumerInfo, Transport } from '../transport/transport.ts';

/** A consumer, and what it consumes. */
export interface ConsumerView extends Address, ConsumerInfo {}

/**
 * Who consumes what, for every subscription of the config. Rejects with a TransportError: `Unsupported` where
 * the carrier does not know its consumers.
 */
export async function listConsumers(transport: Transport, config: Config): Promise<ConsumerView[]> {
  const { consumers } = transport;
  if (!transport.capabilities.has('consumers') || consumers === undefined) {
    throw new TransportError(
      'Unsupported',
      `${transport.name} does not know its consumers: ask what runs them (Lambda, ECS, Kubernetes), or see how many messages are in flight with "hikyaku status"`,
    );
  }
  const lists = await Promise.all(
    subscriptionsOf(config).map(async ({ address }) =>
      (await consumers.call(transport, address)).map((consumer) => ({ ...address, ...consumer })),
    ),
  );
  return lists.flat();
}
