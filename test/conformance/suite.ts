import { afterAll, beforeAll, describe, it } from 'vitest';
import { carrying } from './carrying.ts';
import { consumers } from './consumers.ts';
import { deadLetters } from './dead-letters.ts';
import { lifecycle } from './lifecycle.ts';
import { receiving } from './receiving.ts';
import { sending } from './sending.ts';
import { settling } from './settling.ts';
import { type Carrier, createWorld, type World } from './world.ts';

/** Declares a case; it gets a world of its own, for it runs beside the others. */
export type Check = (title: string, run: (world: World) => Promise<void>) => void;

/**
 * What every transport has to do, whatever carries its messages. A driver's own test file calls this once.
 *
 * @param start Starts what the carrier needs, before the first case.
 */
export function describeTransport(name: string, start: () => Promise<Carrier>): void {
  describe.concurrent(`the ${name} transport`, () => {
    let carrier: Carrier;
    beforeAll(async () => {
      carrier = await start();
    });
    afterAll(() => carrier.close());

    const check: Check = (title, run) => {
      it(title, async () => {
        const world = await createWorld(carrier);
        try {
          await run(world);
        } finally {
          await world.transport.close();
        }
      });
    };

    describe('carries', () => carrying(check));
    describe('sends', () => sending(check));
    describe('receives', () => receiving(check));
    describe('settles', () => settling(check));
    describe('keeps dead letters', () => deadLetters(check));
    describe('knows', () => consumers(check));
    describe('opens and closes', () => lifecycle(check));
  });
}
