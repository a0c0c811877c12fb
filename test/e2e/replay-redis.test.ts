import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import config from '../../hikyaku.config.ts';
import type { Incoming, Transport } from '../../src/transport/transport.ts';
import { openTransport } from '../../src/transport/url.ts';
import { runHere } from '../support/cli.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../support/redis.ts';

const TOPIC = 'model_ready_to_deploy';
const ADDRESS = { topic: TOPIC, subscription: 'deploy' } as const;
const IDLE = { ready: 0, inFlight: 0, delayed: 0, dead: 0 };

describe.skipIf(WITHOUT_REDIS)('hikyaku replay', () => {
  let server: RedisServer;
  let transport: Transport;
  beforeAll(async () => {
    server = await startRedis();
    transport = await openTransport(`${server.url}?retention=24h`, config);
    await transport.provision();
  });
  afterAll(async () => {
    await transport.close();
    await server.stop();
  });

  const cli = (...words: string[]) =>
    runHere(['replay', TOPIC, ...words], { TRANSPORT_URL: `${server.url}?retention=24h` });
  const take = () => transport.receive(ADDRESS, { max: 10, waitMs: 0, leaseMs: 60_000 });
  const ack = (deliveries: readonly Incoming[]) =>
    transport.settle(
      ADDRESS,
      deliveries.map(({ receipt }) => ({ receipt, action: 'ack' })),
    );

  it('counts, brings back what was handled within a time, at a rate, and says what it left', async () => {
    const from = new Date(Date.now() - 60_000).toISOString();
    await transport.send(
      TOPIC,
      ['a', 'b', 'c'].map((id) => ({ id, body: `{"of":"${id}"}`, headers: {} })),
    );
    await ack(await take());
    await transport.send(TOPIC, [{ id: 'd', body: 'x', headers: {} }]);
    const [held] = await take();

    const would = await cli('--from', from, '--dry-run');
    expect(would).toMatchObject({ code: 0, stderr: '' });
    expect(would.stdout).toMatch(
      /^would be replayed: 3, from \d{4}-[^ ]+Z to \d{4}-[^ ]+Z\nleft, because they are not done yet: 1\n$/,
    );
    expect(await transport.depth(ADDRESS)).toEqual({ ...IDLE, inFlight: 1 });
    const told = await cli('--from', from, '--dry-run', '--json');
    expect(told.events.map(({ id, would_be }) => [id, would_be])).toEqual([
      ['a', 'replayed'],
      ['b', 'replayed'],
      ['c', 'replayed'],
      ['d', 'left'],
    ]);

    const startedAt = performance.now();
    const done = await cli('--from', from, '--rate', '2');
    expect(done.stdout).toMatch(/^replayed: 3, from .*\nleft, because they are not done yet: 1\n$/);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990);
    expect(await transport.depth(ADDRESS)).toEqual({ ...IDLE, ready: 3, inFlight: 1 });
    const again = await take();
    expect(again.map(({ id, body }) => [id, body]).toSorted()).toEqual([
      ['a', '{"of":"a"}'],
      ['b', '{"of":"b"}'],
      ['c', '{"of":"c"}'],
    ]);
    await ack(held === undefined ? again : [held, ...again]);

    const kept = (await cli('--from', from, '--dry-run', '--json')).events;
    const second = kept.find(({ id }) => id === 'd');
    const to = new Date(Number(second?.['enqueuedAt'])).toISOString();
    expect((await cli('--from', from, '--to', to, '--json')).events.map(({ id, was }) => [id, was])).toEqual([
      ['a', 'replayed'],
      ['b', 'replayed'],
      ['c', 'replayed'],
    ]);
    const nothing = await cli('--from', '2020-01-01T00:00:00Z', '--to', '2020-01-02T00:00:00+01:00');
    expect(nothing).toMatchObject({ code: 0, stdout: 'replayed: 0\n' });
  });

  it('asks for what it needs, and says what it cannot do', async () => {
    const bad = async (...words: string[]) => {
      const { code, stdout, stderr } = await cli(...words);
      expect(stdout).toBe('');
      expect(code).toBe(2);
      return stderr;
    };
    expect(await bad()).toMatch(/required option '--from <time>'/);
    for (const time of ['yesterday', '2026-11-20', '2026-11-20T10:00:00', '2026-13-20T10:00:00Z']) {
      expect(await bad('--from', time)).toMatch(
        /expected a time with its zone, such as 2026-11-20T10:00:00Z/,
      );
    }
    expect(await bad('--from', '2999-01-01T00:00:00Z')).toMatch(
      /--from 2999-01-01T00:00:00.000Z is not before/,
    );
    expect(await bad('--from', '2020-01-01T00:00:00Z', '--rate', '0')).toMatch(/whole number from 1 to/);
    for (const url of [server.url, 'memory:']) {
      const result = await runHere(['replay', TOPIC, '--from', '2020-01-01T00:00:00Z'], {
        TRANSPORT_URL: url,
      });
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toMatch(/keeps no history here.*\?retention=24h/);
    }
    const nobody = await runHere(['replay', TOPIC, '--from', '2020-01-01T00:00:00Z'], {
      TRANSPORT_URL: `${server.url}?retention=24h&prefix=nobody`,
    });
    expect(nobody).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('nobody:') });
  });
});
