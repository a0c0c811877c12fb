import { TransportError } from '../errors.ts';
import type { Address, DeadLetter, DeadLetterQueue, SettleOutcome } from '../transport.ts';
import type { Connection } from './connection.ts';
import type { Directory } from './directory.ts';
import { type Ending, endDeliveries } from './endings.ts';
import { ownReceipt, type SqsReceipt } from './receipt.ts';
import { receive } from './receive.ts';

/** Short, but not 0: SQS asks all its servers only for those who wait. */
const SCAN_WAIT_MS = 1_000;

/** A dead-letter queue is a queue like any other: to look is to receive, to replay is to send and then delete. */
export function createDeadLetterQueue(connection: Connection, directory: Directory): DeadLetterQueue {
  async function end(
    address: Address,
    endings: readonly (Ending | TransportError)[],
  ): Promise<SettleOutcome[]> {
    const { deadLetterQueue, queue, ordered } = directory.at(address);
    const way = { from: deadLetterQueue, to: queue, destination: 'own queue', ordered } as const;
    return endDeliveries(connection, way, endings);
  }

  return {
    async scan(address, options) {
      const { deadLetterQueue } = directory.at(address);
      return receive(connection, deadLetterQueue, { ...options, waitMs: SCAN_WAIT_MS });
    },

    replay: (address, letters) =>
      end(
        address,
        letters.map(({ letter, headers }) =>
          endingOf(letter, (receipt) => ({
            receipt,
            action: 'move',
            message: { ...receipt.message, headers },
          })),
        ),
      ),

    purge: (address, letters) =>
      end(
        address,
        letters.map((letter) => endingOf(letter, (receipt) => ({ receipt, action: 'remove' }))),
      ),

    release: (address, letters) =>
      end(
        address,
        letters.map((letter) => endingOf(letter, (receipt) => ({ receipt, action: 'hide', ms: 0 }))),
      ),
  };
}

function endingOf(letter: DeadLetter, ending: (receipt: SqsReceipt) => Ending): Ending | TransportError {
  const receipt = ownReceipt(letter.receipt);
  return receipt instanceof TransportError ? receipt : ending(receipt);
}
