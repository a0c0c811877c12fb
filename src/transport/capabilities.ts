import { TransportError } from './errors.ts';
import type { Topology, Transport } from './transport.ts';

/**
 * Refuses a topology that asks for what a carrier cannot do, before anything is sent: what it would not keep
 * shows only under load, when it is too late. Throws a TransportError, `Unsupported`.
 */
export function checkCapabilities(
  { name, capabilities }: Pick<Transport, 'name' | 'capabilities'>,
  { topics }: Topology,
): void {
  if (capabilities.has('ordered')) return;
  const ordered = topics.find((topic) => topic.ordered);
  if (ordered === undefined) return;
  throw new TransportError(
    'Unsupported',
    `topic ${ordered.name} asks for order, which ${name} does not keep: choose a carrier that does, as sqs:, or take "ordered" off the topic`,
  );
}

/** A transport that has just been opened, if it can keep the topology; else it is closed: {@link checkCapabilities}. */
export async function checked(transport: Transport, topology: Topology): Promise<Transport> {
  try {
    checkCapabilities(transport, topology);
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
}
