import { type Config, subscriptionsOf } from '../config/define-config.ts';
import { listDeadLetters, replayDeadLetters } from '../operate/dead-letters.ts';
import type { Transport } from '../transport/transport.ts';

export interface ReplayRefusedOptions {
  /** Ids of what the platform has refused. */
  readonly refused: ReadonlySet<string>;
  /** Ends it between two. */
  readonly signal: AbortSignal;
  /** Called before the first of a subscription. */
  readonly onReplay: () => void;
}

/**
 * Shows how dead letters are brought back: those that the platform has refused, to be refused again. Once for each: of
 * a run that is being taken up, what it had not come to.
 */
export async function replayRefused(
  transport: Transport,
  config: Config,
  { refused, signal, onReplay }: ReplayRefusedOptions,
): Promise<void> {
  if (refused.size === 0) return;
  const selection = { ids: [...refused], code: 'rejected' } as const;
  for (const { address } of subscriptionsOf(config)) {
    const letters = await listDeadLetters(transport, address, selection);
    const ids = letters.filter(({ replays }) => replays === 0).map(({ id }) => id);
    if (signal.aborted) return;
    if (ids.length === 0) continue;
    onReplay();
    await replayDeadLetters(transport, address, { ids }, { signal });
  }
}
