import fc from 'fast-check';
import { expect } from 'vitest';
import { newId } from '../../src/message/id.ts';
import type { Incoming, Settlement } from '../../src/transport/transport.ts';
import { expectNotSettled, LONG_LEASE, ORDERS, SHORT_LEASE } from '../conformance/world.ts';
import { certain, type Known, knownAt, type Model, type Real, taken } from './model.ts';

type Command = fc.AsyncCommand<Model, Real>;

/** How long a carrier may take for what it has to do by itself, in ms. */
const PATIENCE_MS = 15_000;
const DELAY_MS = 1_000;

/** What may be done with a carrier, by anybody at any time. */
export const COMMANDS: readonly fc.Arbitrary<Command>[] = [
  fc.array(fc.constantFrom(undefined, 'a', 'b'), { minLength: 1, maxLength: 4 }).map(send),
  fc.array(fc.constantFrom(undefined, 'a', 'b'), { minLength: 1, maxLength: 4 }).map(send),
  fc.integer({ min: 1, max: 10 }).map(receive),
  fc.integer({ min: 1, max: 10 }).map(receive),
  ...(['ack', 'retry', 'release', 'deadLetter', 'deadLetter'] as const).map((action) =>
    fc.nat().map((which) => settle(action, which, 0)),
  ),
  fc.nat().map((which) => settle('retry', which, DELAY_MS)),
  ...[0, DELAY_MS].map((delayMs) => fc.nat().map((which) => settle('postpone', which, delayMs))),
  fc.nat().map(extend),
  fc.constant(letLeaseEnd()),
  fc.constant(scan()),
  ...(['replay', 'purge', 'release'] as const).map((how) =>
    fc.nat().map((which) => handleLetter(how, which)),
  ),
  fc.constant(look()),
  fc.constant(reopen()),
];

function send(keys: readonly (string | undefined)[]): Command {
  return {
    check: () => true,
    async run(model, { transport }) {
      const messages = keys.map((key, n) => ({
        id: newId(),
        body: `{"n":${n}}`,
        headers: n % 2 === 0 ? { 'a header': 'ä' } : {},
        ...(key !== undefined && { key }),
        only: [ORDERS.subscription],
      }));
      expect(await transport.send(ORDERS.topic, messages)).toEqual(messages.map(() => 'accepted'));
      for (const message of messages) {
        const { headers } = message;
        const order = model.orders++;
        model.known.set(message.id, { message, place: 'ready', deliveries: 0, dueAt: 0, order, headers });
      }
    },
    toString: () => `send ${keys.map((key) => key ?? '-').join('')}`,
  };
}

function receive(max: number): Command {
  return {
    check: () => true,
    async run(model, real) {
      const due = certain(model);
      const received = await poll(real, max, due.length > 0 ? 1_000 : 0);
      expect(received.length).toBeLessThanOrEqual(max);
      if (due.length > 0) expect(received.length).toBeGreaterThan(0);
      taken(model, real, received);
    },
    toString: () => `receive ${max}`,
  };
}

function settle(action: Settlement['action'], which: number, delayMs: number): Command {
  return {
    check: (model) => knownAt(model, 'held').length > 0,
    async run(model, real) {
      const one = pick(knownAt(model, 'held'), which);
      const { receipt } = holding(real, one);
      const dueAt = performance.now() + delayMs;
      const added = { 'a reason': String(which) };
      const settlement: Settlement =
        action === 'retry' || action === 'postpone'
          ? { receipt, action, delayMs }
          : action === 'deadLetter'
            ? { receipt, action, headers: added }
            : { receipt, action };
      expect(await real.transport.settle(ORDERS, [settlement])).toEqual(['settled']);
      real.held.delete(one.message.id);
      switch (action) {
        case 'ack':
          one.place = 'gone';
          break;
        case 'deadLetter':
          one.place = 'dead';
          one.headers = { ...one.headers, ...added };
          break;
        case 'release':
          one.place = 'ready';
          if (!model.countsReleases) one.deliveries--;
          break;
        case 'postpone':
        case 'retry':
          if (action === 'postpone' && !model.onlyHides) one.deliveries = 0;
          one.place = delayMs > 0 ? 'delayed' : 'ready';
          one.dueAt = dueAt;
          break;
      }
    },
    toString: () => `${action}${delayMs > 0 ? ' later' : ''} ${which}`,
  };
}

function extend(which: number): Command {
  return {
    check: (model) => knownAt(model, 'held').length > 0,
    async run(model, real) {
      const { receipt } = holding(real, pick(knownAt(model, 'held'), which));
      expect(await real.transport.extend(ORDERS, [receipt], LONG_LEASE)).toEqual(['settled']);
    },
    toString: () => `extend ${which}`,
  };
}

/** A consumer is gone with what it was handed: it comes again, and counts as delivered. */
function letLeaseEnd(): Command {
  return {
    check: (model) => certain(model).length > 0,
    async run(model, real) {
      const [lost] = await poll(real, 1, 1_000, SHORT_LEASE);
      if (lost === undefined) return expect.unreachable('nothing came');
      taken(model, real, [lost]);
      const one = model.known.get(lost.id);
      if (one === undefined) return;
      one.place = 'delayed';
      one.dueAt = lost.leaseUntil - SHORT_LEASE / 2;
      real.held.delete(lost.id);
      const until = performance.now() + PATIENCE_MS;
      while (one.place === 'delayed') {
        expect(performance.now(), `when ${lost.id} comes again`).toBeLessThan(until);
        taken(model, real, await poll(real, 10, 500));
      }
      // SQS takes a late settlement for what it stands for, and says nothing about it.
      if (model.countsReleases) return;
      const [outcome] = await real.transport.settle(ORDERS, [{ receipt: lost.receipt, action: 'ack' }]);
      expectNotSettled(outcome);
    },
    toString: () => 'let a lease end',
  };
}

function scan(): Command {
  return {
    check: () => true,
    async run(model, real) {
      const until = performance.now() + PATIENCE_MS;
      do {
        const page = await real.transport.deadLetters.scan(ORDERS, { max: 10, leaseMs: LONG_LEASE });
        for (const letter of page) {
          const one = model.known.get(letter.id);
          expect(one?.place, `where ${letter.id} was`).toBe('dead');
          if (one === undefined) continue;
          const { id, body, key, headers } = letter;
          expect({ id, body, key }).toEqual({ id, body: one.message.body, key: one.message.key });
          expect(headers).toEqual(one.headers);
          one.place = 'letter';
          real.letters.set(id, letter);
        }
        expect(performance.now(), 'when all dead letters are shown').toBeLessThan(until);
      } while (knownAt(model, 'dead').length > 0);
    },
    toString: () => 'scan',
  };
}

function handleLetter(how: 'replay' | 'purge' | 'release', which: number): Command {
  return {
    check: (model) => knownAt(model, 'letter').length > 0,
    async run(model, real) {
      const one = pick(knownAt(model, 'letter'), which);
      const letter = real.letters.get(one.message.id);
      if (letter === undefined) return expect.unreachable('it is not in hand');
      const { deadLetters } = real.transport;
      const headers = { replayed: String(which) };
      const outcomes =
        how === 'replay'
          ? await deadLetters.replay(ORDERS, [{ letter, headers }])
          : await deadLetters[how](ORDERS, [letter]);
      expect(outcomes).toEqual(['settled']);
      real.letters.delete(one.message.id);
      if (how === 'release') one.place = 'dead';
      else if (how === 'purge') one.place = 'gone';
      else Object.assign(one, { place: 'ready', deliveries: 0, headers, order: model.orders++ });
    },
    toString: () => `${how} letter ${which}`,
  };
}

function look(): Command {
  return {
    check: () => true,
    async run(model, { transport }) {
      const { ready, delayed, inFlight, dead } = await transport.depth(ORDERS);
      expect({ undone: ready + delayed + inFlight, dead }).toEqual({
        undone: knownAt(model, 'ready', 'delayed', 'held').length,
        dead: knownAt(model, 'dead', 'letter').length,
      });
    },
    toString: () => 'depth',
  };
}

function reopen(): Command {
  return {
    check: () => true,
    async run(model, real) {
      if (real.reopen === undefined) return;
      await giveAllBack(model, real);
      real.transport = await real.reopen();
    },
    toString: () => 'close and open again',
  };
}

/** At the end: all that is undone comes, and what is dead is there. */
export async function settleAccounts(model: Model, real: Real): Promise<void> {
  await giveAllBack(model, real);
  const until = performance.now() + PATIENCE_MS;
  while (knownAt(model, 'ready', 'delayed', 'held').length > 0) {
    taken(model, real, await poll(real, 10, 500));
    for (const one of knownAt(model, 'held')) {
      const { receipt } = holding(real, one);
      expect(await real.transport.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
      real.held.delete(one.message.id);
      one.place = 'gone';
    }
    expect(performance.now(), 'when all has come').toBeLessThan(until);
  }
  await scan().run(model, real);
  await look().run(model, real);
  expect(await poll(real, 10, 0)).toEqual([]);
}

async function giveAllBack(model: Model, real: Real): Promise<void> {
  while (knownAt(model, 'held').length > 0) await settle('release', 0, 0).run(model, real);
  while (knownAt(model, 'letter').length > 0) await handleLetter('release', 0).run(model, real);
}

function poll({ transport }: Real, most: number, waitMs: number, leaseMs = LONG_LEASE): Promise<Incoming[]> {
  const max = Math.min(most, transport.limits.receiveEntries);
  return transport.receive(ORDERS, { max, waitMs, leaseMs });
}

function holding({ held }: Real, { message: { id } }: Known): Incoming {
  return held.get(id) ?? expect.unreachable(`${id} is not held`);
}

function pick(from: readonly Known[], which: number): Known {
  return from[which % from.length] ?? expect.unreachable('there is none');
}
