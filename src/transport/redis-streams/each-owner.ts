import type { Receipt, SettleOutcome } from '../transport.ts';
import { RedisReceipt } from './receipt.ts';

/**
 * Has the receipts of each owner extended by themselves, for entries are claimed in its name. Answers in the order of
 * the receipts. A receipt that is not ours is asked about with those of `nobody`.
 */
export async function forEachOwner(
  receipts: readonly Receipt[],
  nobody: string,
  extend: (owner: string, receipts: readonly Receipt[]) => Promise<SettleOutcome[]>,
): Promise<SettleOutcome[]> {
  const byOwner = Map.groupBy(receipts.entries(), ([, receipt]) =>
    receipt instanceof RedisReceipt ? receipt.owner : nobody,
  );
  const outcomes = new Array<SettleOutcome>(receipts.length);
  for (const [owner, owned] of byOwner) {
    const answers = await extend(
      owner,
      owned.map(([, receipt]) => receipt),
    );
    for (const [index, answer] of answers.entries()) {
      const [place] = owned[index] ?? [];
      if (place !== undefined) outcomes[place] = answer;
    }
  }
  return outcomes;
}
