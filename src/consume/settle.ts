import type { CarrierState } from '../observe/carrier-state.ts';
import { emit } from '../observe/events.ts';
import { backoffDelay, pause } from '../time/backoff.ts';
import { asTransportError, type ErrorCode, TransportError } from '../transport/errors.ts';
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
 * what became of it; of one whose lease is lost, or that was not settled for any other reason, that. Never
 * rejects: outcomes in order.
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
        if (answered(outcome)) carrier?.worked();
        say(address, outcome, ended[place]);
      }
    }
    if (open.length === 0) return outcomes;
    if (signal?.aborted || performance.now() >= giveUpAt) {
      for (const place of open) say(address, outcomes[place], ended[place]);
      return outcomes;
    }
    await pause(backoffDelay(BACKOFF, tried), signal);
  }
}

/** Whether the carrier does its work: not where it lets nobody in, or what is asked for is not there. */
function answered(outcome: SettleOutcome): boolean {
  return !(outcome instanceof TransportError && TURNED_AWAY.has(outcome.code));
}

const TURNED_AWAY: ReadonlySet<ErrorCode> = new Set(['Denied', 'NotFound', 'Closed']);

function say(address: Address, outcome: SettleOutcome | undefined, ended: Ended | undefined): void {
  if (ended === undefined) return;
  if (outcome instanceof TransportError) sayUnsettled(address, ended, outcome);
  else if (ended.event !== undefined) emit(ended.event);
}

/** Says of a delivery that it was not settled: it comes again. */
export function sayUnsettled(address: Address, { id, action }: Ended, { code }: TransportError): void {
  if (code === 'LeaseLost') emit({ event: 'lease_lost', ...address, id });
  else emit({ event: 'settle_failed', ...address, id, action, code });
}
