import { linkSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileTransport } from '../../../test/support/file-transport.ts';
import { PING } from '../../../test/support/ping.ts';
import type { Transport } from '../transport.ts';

const message = (id: string) => ({ id, body: '{}', headers: {} });

async function take(transport: Transport, leaseMs = 30_000, waitMs = 10_000) {
  const [received] = await transport.receive(PING, { max: 1, waitMs, leaseMs });
  if (received === undefined) return expect.unreachable();
  return received;
}

async function twoTransports() {
  const { transport, open, ...rest } = await fileTransport();
  const other = open();
  // Both have looked: what comes from now on they have to be told.
  for (const one of [transport, other]) await one.receive(PING, { max: 1, waitMs: 0, leaseMs: 30_000 });
  return { transport, other, ...rest };
}

describe('two who share a subscription', () => {
  it('hand over what one abandons to the other that waits, when the lease ends', async () => {
    const { transport, other, folder } = await twoTransports();
    await transport.send('ping', [message('1')]);
    const { receipt } = await take(transport, 800);
    const takenAt = performance.now();
    const again = await take(other);
    expect(again).toMatchObject({ id: '1', deliveries: 2 });
    expect(performance.now() - takenAt).toBeGreaterThanOrEqual(795);
    expect(performance.now() - takenAt).toBeLessThan(1_500);
    const late = [{ receipt, action: 'ack' }] as const;
    expect(await transport.settle(PING, late)).toMatchObject([{ code: 'LeaseLost' }]);
    expect(await transport.extend(PING, [receipt], 1_000)).toMatchObject([{ code: 'LeaseLost' }]);
    expect(readdirSync(folder('inflight'))).toHaveLength(1);
  });

  it('see what the other has put off as soon as it is due', async () => {
    const { transport, other } = await twoTransports();
    await transport.send('ping', [message('1')]);
    const { receipt } = await take(transport);
    const waiting = take(other);
    const settledAt = performance.now();
    await transport.settle(PING, [{ receipt, action: 'retry', delayMs: 300 }]);
    await transport.close();
    expect(await waiting).toMatchObject({ id: '1', deliveries: 2 });
    expect(performance.now() - settledAt).toBeGreaterThanOrEqual(299);
    expect(performance.now() - settledAt).toBeLessThan(800);
  });

  it('see what the other gives back at once, where it stood', async () => {
    const { transport, other } = await twoTransports();
    await transport.send('ping', [message('1')]);
    const first = await take(transport);
    await transport.send('ping', [message('2')]);
    await transport.settle(PING, [{ receipt: first.receipt, action: 'release' }]);
    const again = await take(transport);
    expect(again).toMatchObject({ id: '1', deliveries: 1 });
    await transport.settle(PING, [{ receipt: again.receipt, action: 'release' }]);
    const both = [await take(other), await take(other)];
    expect(both.map(({ id }) => id).toSorted()).toEqual(['1', '2']);
    expect(both.map(({ deliveries }) => deliveries)).toEqual([1, 1]);
  });
});

describe('a delivery', () => {
  it('may be extended and settled at the same time', async () => {
    const { transport, folder } = await fileTransport();
    await transport.send('ping', [message('1')]);
    const { receipt } = await take(transport);
    const outcomes = await Promise.all([
      transport.extend(PING, [receipt], 60_000),
      transport.extend(PING, [receipt], 90_000),
      transport.settle(PING, [{ receipt, action: 'ack' }]),
      transport.settle(PING, [{ receipt, action: 'ack' }]),
    ]);
    expect(outcomes.slice(0, 3)).toEqual([['settled'], ['settled'], ['settled']]);
    expect(outcomes[3]).toMatchObject([{ code: 'LeaseLost' }]);
    expect(readdirSync(folder('inflight'))).toEqual([]);
  });

  it('that is handed over while its transport closes is given back', async () => {
    const { transport, folder } = await fileTransport();
    await transport.send('ping', [message('1')]);
    const receiving = transport.receive(PING, { max: 1, waitMs: 5_000, leaseMs: 30_000 });
    const closing = transport.close();
    await Promise.allSettled([receiving, closing]);
    const [name = ''] = readdirSync(folder('new'));
    expect(name).toMatch(/^\d{13}/);
    expect(readdirSync(folder('inflight'))).toEqual([]);
  });

  it('that was given up twice, for a crash came between, stands there twice', async () => {
    const { transport, folder, root } = await fileTransport();
    await transport.send('ping', [message('1')]);
    const { receipt } = await take(transport);
    const letters = () => readdirSync(folder('dead')).map((name) => name.replace(/^.*~/, ''));
    const [held = ''] = readdirSync(folder('inflight'));
    linkSync(folder(`inflight/${held}`), `${root}/copy`);
    await transport.settle(PING, [{ receipt, action: 'deadLetter', headers: { n: '1' } }]);
    linkSync(`${root}/copy`, folder(`inflight/${held}`));
    await transport.settle(PING, [{ receipt, action: 'deadLetter', headers: { n: '2' } }]);
    const [one, other] = letters();
    expect(letters()).toHaveLength(2);
    expect(one).toBe(other);
    const page = await transport.deadLetters.scan(PING, { max: 9, leaseMs: 1_000 });
    expect(page.map(({ headers }) => headers['n']).toSorted()).toEqual(['1', '2']);
  });
});
