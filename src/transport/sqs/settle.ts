import { TransportError } from '../errors.ts';
import type { Receipt, Settlement, SettleOutcome } from '../transport.ts';
import type { Connection } from './connection.ts';
import type { Place } from './directory.ts';
import { type Ending, endDeliveries, type Way } from './endings.ts';
import { ownReceipt } from './receipt.ts';

/** Ends deliveries of a subscription. */
export async function settle(
  connection: Connection,
  place: Place,
  settlements: readonly Settlement[],
): Promise<SettleOutcome[]> {
  return endDeliveries(connection, wayOf(place), settlements.map(endingOf));
}

/** Hides deliveries for longer; not beyond the 12 hours that SQS allows a delivery in all. */
export async function extend(
  connection: Connection,
  place: Place,
  receipts: readonly Receipt[],
  leaseMs: number,
): Promise<SettleOutcome[]> {
  const own = receipts.map(ownReceipt);
  const now = performance.now();
  const outcomes = await endDeliveries(
    connection,
    wayOf(place),
    own.map((receipt) =>
      receipt instanceof TransportError ? receipt : { receipt, action: 'hide', ms: leaseMs },
    ),
  );
  for (const [index, receipt] of own.entries()) {
    if (receipt instanceof TransportError || outcomes[index] !== 'settled') continue;
    receipt.leaseUntil = now + receipt.secondsFor(leaseMs) * 1_000;
  }
  return outcomes;
}

function wayOf({ queue, deadLetterQueue, ordered }: Place): Way {
  return { from: queue, to: deadLetterQueue, destination: 'dead letters', ordered };
}

function endingOf(settlement: Settlement): Ending | TransportError {
  const receipt = ownReceipt(settlement.receipt);
  if (receipt instanceof TransportError) return receipt;
  switch (settlement.action) {
    case 'ack':
      return { receipt, action: 'remove' };
    case 'retry':
      return { receipt, action: 'hide', ms: settlement.delayMs };
    case 'postpone':
      return { receipt, action: 'postpone', ms: settlement.delayMs };
    case 'release':
      return { receipt, action: 'hide', ms: 0 };
    case 'deadLetter': {
      const { message } = receipt;
      const headers = { ...message.headers, ...settlement.headers };
      return { receipt, action: 'move', message: { ...message, headers } };
    }
  }
}
