import { describe, expect, it } from 'vitest';
import { BREAKAGES, breakCarrier } from './break-carrier.ts';
import { drawKillerPlan, drawPlan, type Plan } from './plan.ts';
import { type Outcome, simulate } from './simulate.ts';

/** How many schedules are run: `HIKYAKU_SCHEDULES`, else 2,000. */
const SCHEDULES = Math.max(1, Math.trunc(Number(process.env['HIKYAKU_SCHEDULES'] ?? 2_000)) || 1);
/** How many are one case. */
const PIECE = 200;

function inPieces(count: number): readonly { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(count / PIECE) }, (_, n) => ({
    from: n * PIECE,
    to: Math.min(count, (n + 1) * PIECE),
  }));
}

/** What to say about a run in which something is wrong; nothing about any other. */
function complain({ problems }: Outcome, seed: number, killer = ''): string {
  if (problems.length === 0) return '';
  return `${problems.join('\n')}\n\nWith its history: node test/simulation/replay.ts ${seed}${killer}`;
}

/** Of those that need not go down with the one that kills: all but those behind it in its key. */
function mostDeliveries({ kind, messages }: Plan, { entries }: Outcome): number {
  const killer = messages.find(({ data }) => data.does === 'kills');
  const others = messages.filter((one) => one !== killer && !(kind.ordered && one.key === killer?.key));
  const ids = new Set(others.map(({ id }) => id));
  return Math.max(0, ...entries.map((one) => (one.what === 'begun' && ids.has(one.id) ? one.attempt : 0)));
}

describe('the core, simulated', { timeout: 120_000 }, () => {
  it.each(inPieces(SCHEDULES))('keeps its promise in schedules $from to $to', async ({ from, to }) => {
    for (let seed = from; seed < to; seed++) {
      expect(complain(await simulate(drawPlan(seed)), seed)).toBe('');
    }
  });

  it.each(inPieces(SCHEDULES / 20))(
    'gives up a message that kills, and no other, in schedules $from to $to',
    async ({ from, to }) => {
      for (let seed = from; seed < to; seed++) {
        const plan = drawKillerPlan(seed);
        const outcome = await simulate(plan);
        expect(complain(outcome, seed, ' killer')).toBe('');
        expect(outcome.deaths).toBeGreaterThan(plan.maxAttempts);
        expect(mostDeliveries(plan, outcome), `of a neighbour, seed ${seed}`).toBeLessThanOrEqual(
          plan.maxAttempts + 6,
        );
      }
    },
  );

  it('does the same for the same seed, to the byte', async () => {
    const hashes = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const { hash, history } = await simulate(drawPlan(seed));
      expect(history.length).toBeGreaterThan(10);
      expect((await simulate(drawPlan(seed))).hash).toBe(hash);
      hashes.add(hash);
    }
    expect(hashes.size).toBe(50);
  });
});

describe('the simulation', { timeout: 120_000 }, () => {
  it.each(BREAKAGES)('finds out about a carrier that %s', async (breakage) => {
    for (let seed = 0; seed < 200; seed++) {
      const { problems } = await simulate(drawPlan(seed), (real) => breakCarrier(real, breakage));
      if (problems.length > 0) return;
    }
    expect.unreachable('it found nothing in 200 schedules');
  });
});
