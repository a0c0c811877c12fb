import { deadLetterHeaders } from '../../src/message/dead-letter.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { acknowledgingEarly, acknowledgingTwice, losingRetries, settling } from '../support/broken.ts';

/** Ways to break the promise between a process and its carrier, and none of which anybody says. */
export const BREAKAGES = [
  'drops',
  'acknowledges early',
  'acknowledges twice',
  'loses retries',
  'forgets delays',
  'counts what is postponed',
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
      return acknowledgingEarly(real);
    case 'acknowledges twice':
      return acknowledgingTwice(real);
    case 'loses retries':
      return losingRetries(real);
    case 'forgets delays':
      return settling(real, ({ receipt, ...settlement }) =>
        'delayMs' in settlement ? { receipt, action: 'release' } : { receipt, ...settlement },
      );
    case 'counts what is postponed':
      return settling(real, ({ receipt, ...settlement }) =>
        settlement.action === 'postpone'
          ? { receipt, action: 'retry', delayMs: settlement.delayMs }
          : { receipt, ...settlement },
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
