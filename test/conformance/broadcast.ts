import { expect, vi } from 'vitest';
import * as z from 'zod/mini';
import { createBroadcaster } from '../../src/broadcast/broadcaster.ts';
import { defineMessage } from '../../src/message/contract.ts';
import type { Broadcast, Notice, Transport } from '../../src/transport/transport.ts';
import { sizeOf } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import { expectCode, type Facts, idsOf, outgoing } from './world.ts';

const unlessBroadcast = ({ capabilities }: Facts): string | undefined =>
  capabilities.has('broadcast') ? undefined : 'it does not broadcast';

/** However busy the machine is. */
const WAIT = { timeout: 10_000 };

/** A topic that stands in no topology. */
const TOPIC = 'news';
const News = defineMessage({ name: TOPIC, version: 1, schema: z.object({ n: z.number() }) });

const BODIES = [
  '{"said":"ünïcödé – 飛脚"}',
  '',
  'first line\nsecond\r\n\n',
  ' spaces around ',
  'beyond the basic plane: 🏃📦',
  '\u0085\u00a0\u2028\u2029\ufffd',
];

/** Text that some carriers have no way to write. */
const DUBIOUS = ['\u0000', '\u001b[31m', '\ufffe', '\uffff', 'half a pair: \ud83d'];

export function broadcasting(check: Check): void {
  check('where it says so, and is refused where it does not', async ({ transport }) => {
    expect(transport.broadcast !== undefined).toBe(transport.capabilities.has('broadcast'));
    if (transport.broadcast === undefined) {
      const refused = expect.objectContaining({ code: 'Unsupported', retryable: false });
      expect(() => createBroadcaster({ transport })).toThrow(refused);
      return;
    }
    const broadcaster = createBroadcaster({ transport });
    const heard: number[] = [];
    await broadcaster.listen(News, ({ data }) => void heard.push(data.n));
    await Promise.all([1, 2, 3].map((n) => broadcaster.notify(News, { n })));
    await vi.waitFor(() => expect(heard).toEqual([1, 2, 3]), WAIT);
    await broadcaster.close();
  });

  check(
    'to all who listen, in every process, and to nobody else',
    async (world) => {
      const { carrier, topology, transport } = world;
      const others = await Promise.all([carrier.open(topology), carrier.open(topology)]);
      const stranger = await carrier.open({ ...topology, prefix: `${topology.prefix}-x` });
      await stranger.provision();
      // Where it holds messages in this process only, a transport of its own is another carrier.
      const within = carrier.local ? [transport, transport] : [transport, transport, ...others];
      const hearers = await Promise.all(within.map((one) => listen(one, TOPIC)));
      const elsewhere = [await listen(transport, 'weather'), await listen(stranger, TOPIC)];
      const notice = outgoing({ headers: { a: '1' } });
      await say(transport, notice);
      for (const { notices } of hearers) await vi.waitFor(() => expect(notices).toEqual([notice]), WAIT);
      // Those who should hear nothing hear what is said to them, after what they would have heard before.
      await broadcastOf(transport).notify('weather', [outgoing({ id: 'weather' })]);
      await say(stranger, outgoing({ id: 'theirs' }));
      for (const { notices } of elsewhere) await vi.waitFor(() => expect(notices).not.toEqual([]), WAIT);
      expect(elsewhere.map(({ notices }) => idsOf(notices))).toEqual([['weather'], ['theirs']]);
      expect(hearers.map(({ notices }) => notices.length)).toEqual(hearers.map(() => 1));
      await Promise.all([...others, stranger].map((one) => one.close()));
    },
    unlessBroadcast,
  );

  check(
    'in the order it was said, also by calls that are under way together',
    async ({ transport }) => {
      const hearer = await listen(transport, TOPIC);
      const said = Array.from({ length: 300 }, () => outgoing());
      const calls: Promise<unknown>[] = [];
      // Single ones and batches, for a carrier may pass them on in different ways.
      for (let start = 0, size = 1; start < said.length; start += size, size = (size % 7) + 1) {
        calls.push(broadcastOf(transport).notify(TOPIC, said.slice(start, start + size)));
      }
      await Promise.all(calls);
      await vi.waitFor(() => expect(hearer.notices).toHaveLength(said.length), WAIT);
      expect(idsOf(hearer.notices)).toEqual(idsOf(said));
    },
    unlessBroadcast,
  );

  check(
    'in another turn than it was said in',
    async ({ transport }) => {
      const hearer = await listen(transport, TOPIC);
      const saying = broadcastOf(transport).notify(TOPIC, [outgoing()]);
      expect(hearer.notices).toEqual([]);
      await saying;
      await vi.waitFor(() => expect(hearer.notices).toHaveLength(1), WAIT);
    },
    unlessBroadcast,
  );

  check(
    'and keeps nothing for those who come later',
    async ({ transport }) => {
      await say(transport, outgoing());
      const late = await listen(transport, TOPIC);
      const next = outgoing();
      await say(transport, next);
      await vi.waitFor(() => expect(late.notices).not.toEqual([]), WAIT);
      expect(idsOf(late.notices)).toEqual([next.id]);
    },
    unlessBroadcast,
  );

  check(
    'no more to those who have closed, and again to those who come back',
    async ({ transport }) => {
      const [stays, goes] = await Promise.all([listen(transport, TOPIC), listen(transport, TOPIC)]);
      // Also of what is on its way.
      const saying = say(transport, outgoing());
      await Promise.all([saying, goes.listening.close(), goes.listening.close()]);
      await vi.waitFor(() => expect(stays.notices).toHaveLength(1), WAIT);
      await stays.listening.close();
      for (let round = 0; round < 3; round++) {
        const again = await listen(transport, TOPIC);
        const next = outgoing();
        await say(transport, next);
        await vi.waitFor(() => expect(again.notices).not.toEqual([]), WAIT);
        expect(idsOf(again.notices)).toEqual([next.id]);
        await again.listening.close();
      }
      expect(stays.notices).toHaveLength(1);
      expect(goes.notices).toEqual([]);
    },
    unlessBroadcast,
  );

  check(
    'bodies and headers to the byte, or not at all',
    async ({ transport }) => {
      const hearer = await listen(transport, TOPIC);
      const headers = {
        '': 'no name',
        empty: '',
        飛脚: 'ünïcödé 🏃\nand more',
        control: '\u0000\u001b',
        ['__proto__']: 'x',
        ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`header-${index}`, `${index}`])),
      };
      const fine = BODIES.map((body) => outgoing({ body, headers }));
      await say(transport, ...fine);
      const dubious = DUBIOUS.map((body) => outgoing({ body }));
      const outcomes = await broadcastOf(transport).notify(TOPIC, [...dubious, outgoing({ id: 'last' })]);
      expect(outcomes.at(-1)).toBe('accepted');
      for (const outcome of outcomes) if (outcome !== 'accepted') expectCode(outcome.error, 'Invalid');
      const carried = dubious.filter((_, index) => outcomes[index] === 'accepted');
      await vi.waitFor(() => expect(hearer.notices.at(-1)?.id).toBe('last'), WAIT);
      const all = [...fine, ...carried];
      expect(hearer.notices.slice(0, -1).map(({ body }) => body)).toEqual(all.map(({ body }) => body));
      const entries = (one: Notice | undefined) => Object.entries(one?.headers ?? {}).sort();
      expect(entries(hearer.notices[0])).toEqual(Object.entries(headers).sort());
      expect(hearer.notices.at(-1)?.headers).toEqual({});
    },
    unlessBroadcast,
  );

  check(
    'a notice as large as a message may be, none that is larger, and says which',
    async ({ transport }) => {
      const hearer = await listen(transport, TOPIC);
      const { messageBytes } = transport.limits;
      const empty = outgoing({ body: '' });
      const most = { ...empty, body: 'x'.repeat(messageBytes - sizeOf(empty)) };
      const tooLarge = { ...empty, body: `${most.body}x` };
      const small = outgoing();
      const outcomes = await broadcastOf(transport).notify(TOPIC, [most, tooLarge, small]);
      expect([outcomes[0], outcomes[2]]).toEqual(['accepted', 'accepted']);
      const refused = outcomes[1];
      if (refused === 'accepted' || refused === undefined) throw new Error('it was not refused');
      expectCode(refused.error, 'TooLarge');
      await vi.waitFor(() => expect(hearer.notices).toHaveLength(2), WAIT);
      expect(idsOf(hearer.notices)).toEqual(idsOf([most, small]));
      expect(hearer.notices[0]?.body === most.body).toBe(true);
    },
    unlessBroadcast,
  );

  check(
    'nothing once it is closed',
    async ({ carrier, topology, transport }) => {
      const unused = await carrier.open(topology);
      await unused.close();
      const broadcast = broadcastOf(transport);
      const { listening } = await listen(transport, TOPIC);
      await say(transport, outgoing());
      await transport.close();
      const closed = { code: 'Closed', retryable: false };
      await expect(broadcast.notify(TOPIC, [outgoing()])).rejects.toMatchObject(closed);
      await expect(listen(transport, TOPIC)).rejects.toMatchObject(closed);
      await expect(listen(unused, TOPIC)).rejects.toMatchObject(closed);
      await listening.close();
    },
    unlessBroadcast,
  );
}

function broadcastOf({ broadcast }: Transport): Broadcast {
  if (broadcast === undefined) throw new Error('it does not broadcast');
  return broadcast;
}

async function say(transport: Transport, ...notices: readonly Notice[]): Promise<void> {
  expect(await broadcastOf(transport).notify(TOPIC, notices)).toEqual(notices.map(() => 'accepted'));
}

async function listen(transport: Transport, topic: string) {
  const notices: Notice[] = [];
  const listening = await broadcastOf(transport).listen(topic, {
    onNotice: (notice) => notices.push(notice),
    onAway: (reason) => expect.unreachable(String(reason)),
    onGap: (reason) => expect.unreachable(String(reason)),
  });
  return { notices, listening };
}
