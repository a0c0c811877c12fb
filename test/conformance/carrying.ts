import { expect } from 'vitest';
import { sizeOf } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import { expectCode, idsOf, LONG_LEASE, outgoing } from './world.ts';

const BODIES = [
  '{"said":"ünïcödé – 飛脚"}',
  'a\ttab, a\nline, a\r\nline of Windows',
  ' spaces around ',
  '<xml attribute="1">&amp; ]]></xml>',
  '"quoted" \\backslashed\\ \\u0041',
  '\u0085\u00a0\u2028\u2029\ud7ff\ue000\ufffd',
  'beyond the basic plane: 🏃📦',
  'x',
];

/** Text that XML 1.0 has no way to write. */
const DUBIOUS = ['\u0000', '\u001b[31m', '\ufffe', '\uffff', 'half a pair: \ud83d'];

/** The smallest message that takes so many bytes on the wire. */
function ofBytes(bytes: number) {
  const empty = outgoing({ body: '' });
  return { ...empty, body: 'x'.repeat(bytes - sizeOf(empty)) };
}

export function carrying(check: Check): void {
  check('all that was said about a message', async ({ publish, takeOne }) => {
    const before = Date.now();
    const message = outgoing({ headers: { traceparent: '00-1-2-01' }, key: 'customer 7/ü' });
    await publish(message);
    const asked = performance.now();
    const delivery = await takeOne();
    expect(delivery).toMatchObject(message);
    expect(delivery.deliveries).toBe(1);
    expect(delivery.enqueuedAt).toBeGreaterThan(before - 60_000);
    expect(delivery.enqueuedAt).toBeLessThan(Date.now() + 60_000);
    expect(delivery.leaseUntil).toBeGreaterThanOrEqual(asked + LONG_LEASE);
    expect(delivery.leaseUntil).toBeLessThanOrEqual(performance.now() + LONG_LEASE);
  });

  check('no headers and no key where there are none', async ({ publish, takeOne }) => {
    await publish(outgoing());
    const delivery = await takeOne();
    expect(delivery.headers).toEqual({});
    expect(delivery).not.toHaveProperty('key');
  });

  check('bodies to the byte', async ({ carrier, publish, take }) => {
    const messages = BODIES.filter((body) => !carrier.refuses?.test(body)).map((body) => outgoing({ body }));
    await publish(...messages);
    const deliveries = await take(messages.length);
    const bodies = new Map(deliveries.map(({ id, body }) => [id, body]));
    expect(messages.map(({ id }) => bodies.get(id))).toEqual(messages.map(({ body }) => body));
  });

  check('dubious text to the byte, or not at all', async ({ carrier, transport, take }) => {
    const texts = [...DUBIOUS, ...BODIES.filter((body) => carrier.refuses?.test(body))];
    const dubious = texts.slice(0, 9).map((body) => outgoing({ body }));
    const plain = outgoing();
    const outcomes = await transport.send('orders', [...dubious, plain]);
    expect(outcomes.at(-1)).toBe('accepted');
    const carried = dubious.filter((_, index) => outcomes[index] === 'accepted');
    for (const outcome of outcomes) if (outcome !== 'accepted') expectCode(outcome.error, 'Invalid');
    const deliveries = await take(carried.length + 1);
    const bodies = new Map(deliveries.map(({ id, body }) => [id, body]));
    for (const { id, body } of [...carried, plain]) expect(bodies.get(id)).toBe(body);
  });

  check('any text as key or value of a header', async ({ publish, takeOne }) => {
    const headers = {
      '': 'no name',
      empty: '',
      'with space: and colon': 'with "quotes"',
      飛脚: 'ünïcödé 🏃',
      control: '\u0000\u001b',
      unwritable: '\ufffe\uffff',
      hikyaku: 'the name of the courier',
      'hikyaku-id': 'not the id',
      id: 'nor this',
      ['__proto__']: 'nor that',
      constructor: 'x',
      ...Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`header-${index}`, `${index}`])),
    };
    const message = outgoing({ headers });
    await publish(message);
    const delivery = await takeOne();
    expect(Object.entries(delivery.headers).sort()).toEqual(Object.entries(headers).sort());
    expect(delivery.id).toBe(message.id);
  });

  check('a message as large as it says, and none that is larger', async ({ transport, take }) => {
    const { messageBytes } = transport.limits;
    const small = outgoing();
    const most = { ...ofBytes(messageBytes), only: ['billing'] };
    const tooLarge = ofBytes(messageBytes + 1);
    const outcomes = await transport.send('orders', [most, tooLarge, small]);
    expect(outcomes[0]).toBe('accepted');
    expect(outcomes[2]).toBe('accepted');
    const refused = outcomes[1];
    if (refused === 'accepted' || refused === undefined) throw new Error('it was not refused');
    expectCode(refused.error, 'TooLarge');
    expect(refused.error.message).toContain(String(messageBytes + 1));
    const deliveries = await take(2);
    expect(idsOf(deliveries).sort()).toEqual(idsOf([most, small]).sort());
    expect(deliveries.find(({ id }) => id === most.id)?.body).toBe(most.body);
  });

  check('a batch as large as it says', async ({ transport, publish, take }) => {
    const { messageBytes, sendBytes } = transport.limits;
    const bytes = Math.min(messageBytes, sendBytes - messageBytes);
    const headers = { traceparent: 'x'.repeat(100) };
    const rest = outgoing({ headers, key: 'x', body: 'x' });
    const filled = { ...rest, body: 'x'.repeat(1 + bytes - sizeOf(rest)) };
    const batch = [
      { ...ofBytes(messageBytes), only: ['billing'] },
      { ...filled, only: ['billing'] },
    ];
    await publish(...batch);
    expect(idsOf(await take(2)).sort()).toEqual(idsOf(batch).sort());
  });
}
