import type { Transport } from '../../src/transport/transport.ts';

/** A transport with some of its methods replaced: for faults a real carrier cannot be made to have. */
export function faulty(transport: Transport, replaced: Partial<Transport>): Transport {
  return { ...transport, ...replaced };
}
