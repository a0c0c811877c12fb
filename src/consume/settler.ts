import { TransportError } from '../transport/errors.ts';
import type { Address, SettleOutcome, Transport } from '../transport/transport.ts';
import type { Ended } from './processor.ts';
import { type SettleOptions, settleAll } from './settle.ts';

/** Gathers what has ended into batches and carries them out. */
export interface Settler {
  add(ended: Ended): void;
  /** Whether one that was added is settled, once that is known. */
  settled(ended: Ended): Promise<boolean>;
  /** Nothing more is coming soon: a batch that is not full goes out now. */
  flush(): void;
  /** Ended, and not settled yet. */
  readonly unsettled: number;
}

export interface SettlerOptions extends SettleOptions {
  readonly transport: Transport;
  readonly address: Address;
  /** How long a batch that is not full may wait for more, in ms. */
  readonly lingerMs: number;
  /** After each batch, whatever became of it. */
  readonly onSettled: () => void;
}

/**
 * A full batch goes out at once. One that is not full goes out when it has lingered, or when it is flushed; but
 * while another is under way it waits for that one's answer, in which time more gathers.
 */
export function createSettler(options: SettlerOptions): Settler {
  const { transport, address, lingerMs, onSettled } = options;
  const { settleEntries } = transport.limits;
  let gathered: Ended[] = [];
  let calls = 0;
  let underWay = 0;
  let timer: NodeJS.Timeout | undefined;
  /** Asked to go out while another batch was under way. */
  let due = false;
  /** Of those that somebody waits for. */
  const awaited = new Map<Ended, (settled: boolean) => void>();

  function send(): void {
    const batch = gathered;
    gathered = [];
    clearTimeout(timer);
    timer = undefined;
    due = false;
    calls++;
    underWay += batch.length;
    void settleAll(transport, address, batch, options).then((outcomes) => {
      calls--;
      underWay -= batch.length;
      if (due) flush();
      if (awaited.size > 0) answer(batch, outcomes);
      onSettled();
    });
  }

  function answer(batch: readonly Ended[], outcomes: readonly SettleOutcome[]): void {
    for (const [index, ended] of batch.entries()) {
      awaited.get(ended)?.(!(outcomes[index] instanceof TransportError));
      awaited.delete(ended);
    }
  }

  function flush(): void {
    if (gathered.length === 0) return;
    if (calls === 0) send();
    else due = true;
  }

  return {
    flush,
    add(ended) {
      gathered.push(ended);
      if (gathered.length >= settleEntries) send();
      else timer ??= setTimeout(flush, lingerMs);
    },
    settled: (ended) => new Promise((resolve) => awaited.set(ended, resolve)),
    get unsettled() {
      return gathered.length + underWay;
    },
  };
}
