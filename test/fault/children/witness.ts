import { TransportError } from '../../../src/transport/errors.ts';
import type { Receipt, Transport } from '../../../src/transport/transport.ts';
import type { Reporter } from '../ledger/reporter.ts';

/** The same transport, with what the carrier answers to each settlement told to the ledger. */
export function witness(transport: Transport, reporter: Reporter, onFirstReceive: () => void): Transport {
  const ids = new WeakMap<Receipt, string>();
  let received = false;
  return {
    ...transport,
    async receive(address, options) {
      const deliveries = await transport.receive(address, options);
      if (!received) onFirstReceive();
      received = true;
      for (const { receipt, id } of deliveries) ids.set(receipt, id);
      return deliveries;
    },
    async settle(address, settlements) {
      const outcomes = await transport.settle(address, settlements);
      for (const [index, settlement] of settlements.entries()) {
        const outcome = outcomes[index] ?? 'nothing';
        void reporter.report({
          what: 'settled',
          id: ids.get(settlement.receipt) ?? '',
          action: settlement.action,
          ...('delayMs' in settlement && { delayMs: settlement.delayMs }),
          outcome: outcome instanceof TransportError ? outcome.code : outcome,
        });
      }
      return outcomes;
    },
  };
}

/** The same transport, with what is sent more than once told to the ledger, before it is. */
export function witnessSends(transport: Transport, reporter: Reporter): Transport {
  const sent = new Set<string>();
  return {
    ...transport,
    async send(topic, messages, signal) {
      const again = messages.filter(({ id }) => sent.has(id));
      await Promise.all(again.map(({ id }) => reporter.report({ what: 'resent', id })));
      for (const { id } of messages) sent.add(id);
      return transport.send(topic, messages, signal);
    },
  };
}
