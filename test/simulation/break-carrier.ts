import { deadLetterHeaders } from '../../src/message/dead-letter.ts';
import { TransportError } from '../../src/transport/errors.ts';
import type { Settlement, Transport } from '../../src/transport/transport.ts';

/** Ways to break the promise between a process and its carrier, and none of which anybody says. */
export const BREAKAGES = [
  'drops',
  'acknowledges early',
  'acknowledges twice',
  'loses retries',
  'forgets delays',
  'does not extend',
  'keeps what is given back',
  'dead-letters untried',
  'turns batches round',
  'hands over too much',
] as const;
export type Breakage = (typeof BREAKAGES)[number];

/** The same transport, broken: the simulation has to find out. */
export function breakCarrier(real: Transport, breakage: Breakage): Transport {
  switch (breakage) {
    case 'drops':
      return { ...real, send: async (_, messages) => messages.map(() => 'accepted') };
    case 'acknowledges early':
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
    case 'acknowledges twice':
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
    case 'loses retries':
      return settling(real, ({ receipt, ...settlement }) =>
        settlement.action === 'retry' ? { receipt, action: 'ack' } : { receipt, ...settlement },
      );
    case 'forgets delays':
      return settling(real, ({ receipt, ...settlement }) =>
        settlement.action === 'retry' ? { receipt, action: 'release' } : { receipt, ...settlement },
      );
    case 'does not extend':
      return { ...real, extend: async (_, receipts) => receipts.map(() => 'settled') };
    case 'keeps what is given back':
      return {
        ...real,
        settle: async (address, settlements) =>
          Promise.all(
            settlements.map(async (settlement) => {
              if (settlement.action === 'release') return 'settled';
              const [outcome = 'unverified'] = await real.settle(address, [settlement]);
              return outcome;
            }),
          ),
      };
    case 'dead-letters untried':
      return {
        ...real,
        async receive(address, options) {
          const [first, ...others] = await real.receive(address, options);
          if (first === undefined) return [];
          const reason = { code: 'exhausted', message: '', at: '', attempts: 5, history: [] } as const;
          const { receipt } = first;
          await real.settle(address, [{ receipt, action: 'deadLetter', headers: deadLetterHeaders(reason) }]);
          return others;
        },
      };
    case 'turns batches round':
      return {
        ...real,
        receive: async (address, options) => (await real.receive(address, options)).reverse(),
      };
    case 'hands over too much':
      return { ...real, receive: (address, options) => real.receive(address, { ...options, max: 100 }) };
  }
}

function settling(real: Transport, change: (settlement: Settlement) => Settlement): Transport {
  return { ...real, settle: (address, settlements) => real.settle(address, settlements.map(change)) };
}
