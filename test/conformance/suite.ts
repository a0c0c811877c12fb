import { afterAll, beforeAll, describe, it } from 'vitest';
import { COPIES } from '../support/copies.ts';
import { broadcasting } from './broadcast.ts';
import { carrying } from './carrying.ts';
import { consumers } from './consumers.ts';
import { consuming } from './consuming.ts';
import { deadLetters } from './dead-letters.ts';
import { history } from './history.ts';
import { lifecycle } from './lifecycle.ts';
import { ordering } from './ordering.ts';
import { postponing } from './postponing.ts';
import { receiving } from './receiving.ts';
import { sending } from './sending.ts';
import { settling } from './settling.ts';
import { type Carrier, createWorld, type Facts, factsOf, type World } from './world.ts';

/**
 * Declares a case; it gets a world of its own, for it runs beside the others. `unless` gives the reason to skip
 * it on a carrier that does not claim what it checks.
 */
export type Check = (
  title: string,
  run: (world: World) => Promise<void>,
  unless?: (facts: Facts) => string | undefined,
) => void;

/**
 * What every transport has to do, whatever carries its messages. A driver's own test file calls this once for
 * each kind of topic it has. Each case runs as many copies at once as are asked for, each in its own world.
 *
 * @param start Starts what the carrier needs, before the first case.
 */
export function describeTransport(name: string, start: () => Promise<Carrier>): void {
  describe.concurrent(`the ${name} transport`, { timeout: 20_000 + 5_000 * COPIES }, () => {
    let carrier: Carrier;
    let facts: Facts;
    beforeAll(async () => {
      carrier = await start();
      facts = await factsOf(carrier);
    });
    afterAll(() => carrier.close());

    async function runOnce(run: (world: World) => Promise<void>): Promise<void> {
      const world = await createWorld(carrier);
      try {
        await run(world);
      } finally {
        await world.transport.close();
      }
    }

    const check: Check = (title, run, unless) => {
      it(title, async ({ skip }) => {
        const reason = unless?.(facts);
        if (reason !== undefined) skip(reason);
        await Promise.all(Array.from({ length: COPIES }, () => runOnce(run)));
      });
    };

    describe('carries', () => carrying(check));
    describe('sends', () => sending(check));
    describe('receives', () => receiving(check));
    describe('settles', () => settling(check));
    describe('postpones', () => postponing(check));
    describe('keeps order', () => ordering(check));
    describe('keeps dead letters', () => deadLetters(check));
    describe('knows', () => consumers(check));
    describe('keeps history', () => history(check));
    describe('broadcasts', () => broadcasting(check));
    describe('opens and closes', () => lifecycle(check));
    describe('lets a publisher and workers', () => consuming(check));
  });
}
