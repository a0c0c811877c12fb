import type { CarrierState } from '../observe/carrier-state.ts';
import { emit } from '../observe/events.ts';
import { backoffDelay, pause } from '../time/backoff.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import { inPieces } from '../transport/in-pieces.ts';
import type { Address, SettleOutcome, Transport } from '../transport/transport.ts';
import type { Ended } from './processor.ts';

const BACKOFF = { baseMs: 100, maxMs: 5_000 };

export interface SettleOptions {
  /** Told when the carrier goes away and comes back. */
  readonly carrier?: CarrierState;
  /** Gives up trying again. */
  readonly signal?: AbortSignal;
  /** How long to keep trying while the carrier is away, in ms: after the lease it is of no use. */
  readonly giveUpAfterMs: number;
}

/**
 * Carries settlements out: in pieces the carrier takes, again while it is away. Says of each that was settled
 * what became of it; of one whose lease is lost, that. Never rejects: outcomes in order.
 */
export async function settleAll(
  transport: Transport,
  address: Address,
  ended: readonly Ended[],
  options: SettleOptions,
): Promise<SettleOutcome[]> {
  const pieces = inPieces(ended, transport.limits.settleEntries).map((piece) =>
    settlePiece(transport, address, piece, options),
  );
  return pieces.length === 1 ? ((await pieces[0]) ?? []) : (await Promise.all(pieces)).flat();
}

async function settlePiece(
  transport: Transport,
  address: Address,
  ended: readonly Ended[],
  { carrier, signal, giveUpAfterMs }: SettleOptions,
): Promise<SettleOutcome[]> {
  const giveUpAt = performance.now() + giveUpAfterMs;
  const outcomes: SettleOutcome[] = new Array(ended.length);
  let open = [...ended.keys()];
  for (let tried = 1; ; tried++) {
    const trying = open;
    const batch = trying.flatMap((place) => ended[place] ?? []);
    const answers = await transport.settle(address, batch).catch(asTransportError);
    open = [];
    for (const [index, place] of trying.entries()) {
      const outcome = answers instanceof TransportError ? answers : (answers[index] ?? 'unverified');
      outcomes[place] = outcome;
      if (outcome instanceof TransportError && outcome.retryable) {
        carrier?.failed(outcome);
        open.push(place);
      } else {
        carrier?.worked();
        say(address, outcome, ended[place]);
      }
    }
    if (open.length === 0 || signal?.aborted || performance.now() >= giveUpAt) return outcomes;
    await pause(backoffDelay(BACKOFF, tried), signal);
  }
}

function say(address: Address, outcome: SettleOutcome, ended: Ended | undefined): void {
  if (!(outcome instanceof TransportError)) {
    if (ended?.event !== undefined) emit(ended.event);
  } else if (outcome.code === 'LeaseLost' && ended?.id !== undefined) {
    emit({ event: 'lease_lost', ...address, id: ended.id });
  }
}
