import { TransportError } from '../../src/transport/errors.ts';
import type { Settlement, Transport } from '../../src/transport/transport.ts';

/** Transports that break the promise, whatever they are made of: whoever judges has to find out. */

export function acknowledgingEarly(real: Transport): Transport {
  return {
    ...real,
    async receive(address, options) {
      const received = await real.receive(address, options);
      await real.settle(
        address,
        received.map(({ receipt }) => ({ receipt, action: 'ack' })),
      );
      return received;
    },
    settle: async (_, settlements) => settlements.map(() => 'settled'),
    extend: async (_, receipts) => receipts.map(() => 'settled'),
  };
}

/** What was lost is said to be settled. */
export function acknowledgingTwice(real: Transport): Transport {
  return {
    ...real,
    async settle(address, settlements) {
      const outcomes = await real.settle(address, settlements);
      return outcomes.map((outcome) =>
        outcome === 'unverified' || (outcome instanceof TransportError && outcome.code === 'LeaseLost')
          ? 'settled'
          : outcome,
      );
    },
  };
}

export function losingRetries(real: Transport): Transport {
  return settling(real, ({ receipt, ...settlement }) =>
    'delayMs' in settlement ? { receipt, action: 'ack' } : { receipt, ...settlement },
  );
}

/** Settles otherwise than it is told. */
export function settling(real: Transport, change: (settlement: Settlement) => Settlement): Transport {
  return { ...real, settle: (address, settlements) => real.settle(address, settlements.map(change)) };
}
