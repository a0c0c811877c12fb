import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, topologyOf } from '../../test/support/ping.ts';
import { createCarrierState } from '../observe/carrier-state.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { type ErrorCode, TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Settlement, SettleOutcome, Transport } from '../transport/transport.ts';
import type { Ended } from './processor.ts';
import { settleAll } from './settle.ts';

let spy: Spy;
beforeEach(() => {
  spy = createSpy();
});
afterEach(() => spy.close());

const error = (code: ErrorCode) => new TransportError(code, 'no');

function acks(count: number): Ended[] {
  return Array.from({ length: count }, (_, n) => ({ id: `id-${n}`, receipt: {}, action: 'ack' }));
}

/** A transport that settles like this, three at a time. */
function settling(settle: (settlements: readonly Settlement[]) => SettleOutcome[]): Transport {
  const memory = createMemoryTransport(topologyOf('ping', 'test'));
  return faulty(memory, {
    limits: { ...memory.limits, settleEntries: 3 },
    settle: async (_, settlements) => settle(settlements),
  });
}

describe('settling', () => {
  it('takes pieces the carrier takes, and answers in order', async () => {
    const pieces: number[] = [];
    const transport = settling((settlements) => {
      pieces.push(settlements.length);
      return settlements.map((_, index) => (index === 0 ? 'unverified' : 'settled'));
    });
    expect(await settleAll(transport, PING, acks(7), { giveUpAfterMs: 0 })).toEqual([
      ...['unverified', 'settled', 'settled'],
      ...['unverified', 'settled', 'settled'],
      'unverified',
    ]);
    expect(pieces).toEqual([3, 3, 1]);
  });

  it.each<ErrorCode>(['Denied', 'NotFound', 'Invalid', 'TooLarge'])(
    'that is refused for good as %s says so at once, of that message alone',
    async (code) => {
      const transport = settling(() => ['settled', error(code)]);
      const ended: Ended[] = [
        { id: 'good', receipt: {}, action: 'ack', event: { event: 'released', ...PING, id: 'good' } },
        { id: 'dead', receipt: {}, action: 'deadLetter', headers: {} },
      ];
      await settleAll(transport, PING, ended, { giveUpAfterMs: 60_000 });
      expect(spy.events).toEqual([
        { event: 'released', ...PING, id: 'good' },
        { event: 'settle_failed', ...PING, id: 'dead', action: 'deadLetter', code },
      ]);
    },
  );

  it('that is given up after trying again says so, once for each', async () => {
    let calls = 0;
    const transport = settling((settlements) => {
      calls++;
      return settlements.map(() => error('Unavailable'));
    });
    await settleAll(transport, PING, acks(2), { giveUpAfterMs: 1 });
    expect(calls).toBeGreaterThan(0);
    expect(spy.all('settle_failed')).toMatchObject([
      { id: 'id-0', action: 'ack', code: 'Unavailable' },
      { id: 'id-1', action: 'ack', code: 'Unavailable' },
    ]);
  });

  it('whose lease is lost says that instead', async () => {
    await settleAll(
      settling(() => [error('LeaseLost')]),
      PING,
      acks(1),
      { giveUpAfterMs: 0 },
    );
    expect(spy.events).toEqual([{ event: 'lease_lost', ...PING, id: 'id-0' }]);
  });

  it.each<[ErrorCode, boolean]>([
    ['LeaseLost', true],
    ['Invalid', true],
    ['TooLarge', true],
    ['Denied', false],
    ['NotFound', false],
    ['Closed', false],
  ])('that answers %s says that the carrier is back: %s', async (code, back) => {
    const carrier = createCarrierState('memory');
    carrier.failed(error('Unavailable'));
    await settleAll(
      settling(() => [error(code)]),
      PING,
      acks(1),
      { carrier, giveUpAfterMs: 0 },
    );
    expect(carrier.away).toBe(!back);
  });
});
