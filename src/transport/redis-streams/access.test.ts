import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CANARY } from '../../../test/support/canary.ts';
import { freePort, type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { startCluster } from '../../../test/support/redis-cluster.ts';
import {
  DENIED,
  expectToEndAtPrefix,
  expectToOperate,
  expectToPublishOnly,
  makeUsers,
  RIGHTS,
} from '../../../test/support/redis-rights.ts';
import {
  ack,
  BILLING,
  message,
  messages,
  openRedis,
  publish,
  redisTopology,
  rejection,
  take,
} from '../../../test/support/redis-transport.ts';
import { createRedisBroadcast } from '../redis/broadcast.ts';
import { createConnection } from '../redis/connection.ts';
import type { Incoming, Notice, Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';
import { accessRules } from './access.ts';

const TOPOLOGY: Topology = { ...redisTopology('billing'), prefix: 'hikyaku' };

describe.skipIf(WITHOUT_REDIS)('rights on Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
    await makeUsers(server);
    await server.admin.set('foreign:{orders}:stream', 'x');
  });
  afterAll(() => server.stop());

  const options = () => ({ ...server.options, retentionMs: 3_600_000 });
  const as = (username: string, topology = TOPOLOGY): Transport =>
    openRedis({ ...options(), username, password: 'change-me' }, topology);

  async function given() {
    await server.admin.del(...(await server.admin.keys('hikyaku:*')), 'none');
    const all = openRedis(options(), TOPOLOGY);
    await all.provision();
    return { all, publisher: as('publisher'), consumer: as('consumer'), operator: as('operator') };
  }

  it('let a publisher publish, and nothing else', async () => {
    const { all, publisher } = await given();
    await expectToPublishOnly(publisher, all);
    const { history } = publisher;
    if (history === undefined) return expect.unreachable();
    expect(await rejection(history.read(BILLING, { from: 0, to: Date.now() + 1, max: 1 }))).toMatchObject(
      DENIED,
    );
  });

  it('let a publisher heed the depth limit, also beside a group of somebody else’s', async () => {
    await given();
    await server.admin.xgroup('CREATE', 'hikyaku:{orders}:stream', 'foreign', '$');
    const limited = openRedis(
      { ...options(), username: 'publisher', password: 'change-me', maxDepth: 2 },
      TOPOLOGY,
    );
    // Of the foreign group it is not known how many it has read, once there is one that it has not.
    await publish(limited, messages(2));
    expect(await limited.send('orders', messages(1))).toMatchObject([{ error: { code: 'Throttled' } }]);
  });

  it('let a consumer consume, and nothing else', async () => {
    const { all, consumer } = await given();
    await publish(all, [...messages(6), message({ only: ['billing'] })]);
    const taken = await take(consumer, { waitMs: 1_000 });
    expect(taken).toHaveLength(7);
    const receipts = taken.map(({ receipt }) => receipt);
    expect(await consumer.extend(BILLING, receipts, 30_000)).toEqual(taken.map(() => 'settled'));
    const [retried, postponed, released, dead, late, ...acked] = receipts;
    if (!retried || !postponed || !released || !dead || !late) return expect.unreachable();
    const settlements = [
      { receipt: retried, action: 'retry', delayMs: 100 } as const,
      { receipt: postponed, action: 'postpone', delayMs: 3_600_000 } as const,
      { receipt: released, action: 'release' } as const,
      { receipt: dead, action: 'deadLetter', headers: {} } as const,
      ...acked.map((receipt) => ({ receipt, action: 'ack' }) as const),
    ];
    expect(await consumer.settle(BILLING, settlements)).toEqual(settlements.map(() => 'settled'));
    expect(await take(consumer, { waitMs: 1_000 })).toHaveLength(1);
    expect(await take(consumer, { waitMs: 2_000 })).toHaveLength(1);
    await consumer.extend(BILLING, [late], 100);
    // It lets its own lease end, and sweeps.
    const again = await vi.waitUntil(async () => (await take(consumer, { waitMs: 1_000 }))[0], {
      timeout: 5_000,
    });
    expect(again).toHaveProperty('deliveries', 2);
    const [sent] = await consumer.send('orders', [message()]);
    expect(sent).toMatchObject({ error: DENIED });
    expect(await consumer.depth(BILLING)).toMatchObject({ inFlight: 3, dead: 1 });
    // As a drain does when it begins.
    await consumer.provision();
  });

  it.each(['consumer', 'relay'])('let a %s read much at once, and lose nothing of it', async (role) => {
    await given();
    const own = { ...server.options, username: role, password: 'change-me' };
    const all = openRedis(server.options, TOPOLOGY);
    const batch = messages(100);
    await publish(all, batch);
    const consumer = openRedis(own, TOPOLOGY);
    const first = await take(consumer, { max: 40, leaseMs: 60_000 });
    const [retried, extended, released, dead, ...acked] = first.map(({ receipt }) => receipt);
    if (!retried || !extended || !released || !dead) return expect.unreachable();
    const stream = 'hikyaku:{orders}:stream';
    expect(await server.admin.xpending(stream, 'billing')).toEqual([0, null, null, null]);
    expect(await all.depth(BILLING)).toMatchObject({ inFlight: 40 });
    const settlements = [
      { receipt: retried, action: 'retry', delayMs: 0 } as const,
      { receipt: released, action: 'release' } as const,
      { receipt: dead, action: 'deadLetter', headers: {} } as const,
      ...acked.map((receipt) => ({ receipt, action: 'ack' }) as const),
    ];
    expect(await consumer.settle(BILLING, settlements)).toEqual(settlements.map(() => 'settled'));
    expect(await consumer.extend(BILLING, [extended], 60_000)).toEqual(['settled']);
    const rest: Incoming[] = [];
    for (let some = await take(consumer); some.length > 0; some = await take(consumer)) {
      rest.push(...some);
      await ack(consumer, some);
    }
    expect(new Set([...first, ...rest].map(({ id }) => id))).toEqual(new Set(batch.map(({ id }) => id)));
    expect(rest).toHaveLength(62);
    expect(await all.depth(BILLING)).toEqual({ ready: 0, inFlight: 1, delayed: 0, dead: 1 });
    // Abandoned ones are found.
    await publish(all, messages(40));
    await take(consumer, { max: 40, leaseMs: 300 });
    await vi.waitFor(
      async () => expect((await take(consumer, { waitMs: 500 })).length).toBeGreaterThan(0),
      5_000,
    );
  });

  it('let a relay do both', async () => {
    const { all } = await given();
    const relay = as('relay');
    await publish(relay, [...messages(1), message({ delayMs: 60_000 }), message({ only: ['billing'] })]);
    const taken = await take(relay, { waitMs: 1_000 });
    expect(taken).toHaveLength(2);
    await ack(relay, taken.slice(0, 1));
    const dead = taken
      .slice(1)
      .map(({ receipt }) => ({ receipt, action: 'deadLetter', headers: {} }) as const);
    expect(await relay.settle(BILLING, dead)).toEqual(['settled']);
    expect(await all.depth(BILLING)).toEqual({ ready: 0, inFlight: 0, delayed: 1, dead: 1 });
  });

  /** Says and hears on behalf of a user: what each call of it was answered. */
  async function broadcasting(user: string, prefix = 'hikyaku') {
    const opened = openTransport(
      `redis://${user}:change-me@127.0.0.1:${server.port}?prefix=${prefix}`,
      TOPOLOGY,
    );
    const { broadcast, close } = await opened;
    onTestFinished(close);
    if (broadcast === undefined) return expect.unreachable();
    const told = { onNotice: () => {}, onAway: () => {}, onGap: () => {} };
    const listening = ['orders', 'news'].map(async (topic) => (await broadcast.listen(topic, told)).close());
    const saying = [1, 2].map((count) => broadcast.notify('orders', messages(count)));
    const all = [...saying, ...listening];
    return (await Promise.allSettled(all)).map((call) =>
      call.status === 'rejected' ? call.reason.code : 'may',
    );
  }

  it('let who publishes notify, and who consumes listen, within the prefix', async () => {
    expect(await broadcasting('publisher')).toEqual(['may', 'may', 'Denied', 'Denied']);
    expect(await broadcasting('consumer')).toEqual(['Denied', 'Denied', 'may', 'may']);
    expect(await broadcasting('relay')).toEqual(['may', 'may', 'may', 'may']);
    expect(await broadcasting('operator')).toEqual(['Denied', 'Denied', 'Denied', 'Denied']);
    expect(await broadcasting('relay', 'foreign')).toEqual(['Denied', 'Denied', 'Denied', 'Denied']);
  });

  it.each([false, true])('let them do so and leave again, within shards: %s', async (sharded) => {
    const as = (username: string) => {
      const options = { ...server.options, username, password: 'change-me' };
      const broadcast = createRedisBroadcast({ ...options, prefix: 'hikyaku', messageBytes: 1_000, sharded });
      onTestFinished(() => broadcast.close());
      return broadcast;
    };
    await server.admin.acl('LOG', 'RESET');
    const [publisher, consumer] = [as('publisher'), as('consumer')];
    const heard: string[] = [];
    const told = { onNotice: ({ id }: Notice) => void heard.push(id), onAway: () => {}, onGap: () => {} };
    const listening = await consumer.listen('orders', told);
    await consumer.listen('news', told);
    await publisher.notify('news', [message({ id: 'a' })]);
    await publisher.notify('news', [message({ id: 'b' }), message({ id: 'c' })]);
    await vi.waitFor(() => expect(heard).toEqual(['a', 'b', 'c']));
    await listening.close();
    const kind = sharded ? 'SHARDCHANNELS' : 'CHANNELS';
    const channels = () => server.admin.call('PUBSUB', kind, 'hikyaku:*');
    await vi.waitFor(async () => expect(await channels()).toEqual(['hikyaku:{news}:broadcast']));
    // What keeps the connection when nothing is said.
    const connection = createConnection({ ...server.options, username: 'consumer', password: 'change-me' });
    onTestFinished(() => connection.close());
    expect(await connection.call('PING')).toBe('PONG');
    expect(await server.admin.acl('LOG')).toEqual([]);
  });

  it('let a consumer make groups anew that are gone', async () => {
    const { all, consumer, publisher } = await given();
    await publish(publisher, messages(1));
    await ack(consumer, await take(consumer));
    await server.admin.del('hikyaku:{orders}:stream');
    expect(await rejection(publisher.send('orders', messages(1)))).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('this user may not make them anew'),
    });
    expect(await rejection(take(consumer))).toMatchObject({ code: 'Unavailable' });
    await publish(publisher, messages(1));
    expect(await take(consumer)).toHaveLength(1);
    expect(await all.depth(BILLING)).toMatchObject({ inFlight: 1 });
  });

  it('let an operator look, replay from dead letters and history, purge and create, and nothing else', async () => {
    const { all, operator } = await given();
    await publish(all, messages(4));
    const receive = { max: 3, waitMs: 0, leaseMs: 60_000, consumer: 'worker' };
    const first = (await all.receive(BILLING, receive)).map(
      ({ receipt }) => ({ receipt, action: 'release' }) as const,
    );
    await all.settle(BILLING, first);
    const taken = await all.receive(BILLING, receive);
    expect(await operator.consumers?.(BILLING)).toMatchObject([{ name: 'worker', inFlight: 3 }]);
    const dead = taken.map(({ receipt }) => ({ receipt, action: 'deadLetter', headers: {} }) as const);
    await all.settle(BILLING, dead);
    await expectToOperate(operator);
    // The fourth entry, and the one that was replayed.
    for (const _ of [1, 2]) expect(await take(all, { max: 1, waitMs: 2_000 })).toHaveLength(1);
    const { history } = operator;
    if (history === undefined) return expect.unreachable();
    const kept = await history.read(BILLING, { from: 0, to: Date.now() + 1_000, max: 10 });
    expect(kept.map(({ undone }) => undone)).toEqual([false, false, false, true]);
    const again = kept.map((one) => ({ message: one, headers: {} }));
    expect(await history.replay(BILLING, again)).toEqual(['replayed', 'replayed', 'replayed', 'undone']);
  });

  it('are what the cache of a deployment is given, but for what only warnings ask', () => {
    const roles = { publisher: 'publish', consumer: 'consume', relay: 'relay', operator: 'operate' } as const;
    const docs = readFileSync(RIGHTS, 'utf8');
    for (const [user, role] of Object.entries(roles)) {
      const [, rules] = new RegExp(`^ACL SETUSER ${user} on >change-me (.*)$`, 'm').exec(docs) ?? [];
      expect(rules?.replace(' +config|get +info', '')).toBe(accessRules(role, 'hikyaku'));
    }
  });

  it('end at the prefix', async () => {
    await expectToEndAtPrefix(['publisher', 'consumer', 'relay', 'operator'], TOPOLOGY, as);
  });

  it('say so when the password is wrong, or missing', async () => {
    const options = { ...server.options, username: 'publisher', password: 'guess' };
    const wrong = await rejection(openRedis(options, TOPOLOGY).send('orders', messages(1)));
    expect(wrong).toMatchObject({
      ...DENIED,
      message: expect.stringMatching(/WRONGPASS.*correct the user and password in TRANSPORT_URL/),
    });
    expect(inspect(wrong, { depth: null })).not.toContain('guess');
    const locked = await startRedis({ requirepass: CANARY });
    onTestFinished(() => locked.stop());
    expect(await rejection(openRedis(locked.options, TOPOLOGY).verify())).toMatchObject({
      ...DENIED,
      message: expect.stringMatching(/NOAUTH.*put user and password into TRANSPORT_URL/),
    });
    const needless = await openTransport(`redis://:${CANARY}@127.0.0.1:${server.port}`, TOPOLOGY);
    onTestFinished(() => needless.close());
    const warn = vi.spyOn(console, 'warn');
    onTestFinished(() => warn.mockRestore());
    await needless.provision();
    expect(warn).not.toHaveBeenCalled();
    const nowhere = await openTransport(`redis://127.0.0.1:${server.port}/99`, TOPOLOGY);
    onTestFinished(() => nowhere.close());
    expect(await rejection(nowhere.provision())).toMatchObject({
      code: 'Invalid',
      message: expect.stringContaining('the path of TRANSPORT_URL names a database that it does not have'),
    });
    const right = await openTransport(`redis://:${CANARY}@127.0.0.1:${locked.port}/3`, TOPOLOGY);
    onTestFinished(() => right.close());
    await right.provision();
    await locked.admin.select(3);
    expect(await locked.admin.exists('hikyaku:{orders}:stream')).toBe(1);
  });
});

describe.skipIf(WITHOUT_REDIS)('TLS to Redis', () => {
  let folder: string;
  let server: RedisServer;
  let port: number;
  let ofTls: Readonly<Record<string, string>>;
  const certificates = tls.getCACertificates('default');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hikyaku-tls-'));
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=test CA',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
    );
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      'own.key',
      '-out',
      'own.csr',
    );
    openssl(
      'x509',
      '-req',
      '-in',
      'own.csr',
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-copy_extensions',
      'copy',
      '-days',
      '2',
      '-out',
      'own.crt',
    );
    port = await freePort();
    ofTls = {
      'tls-cert-file': join(folder, 'own.crt'),
      'tls-key-file': join(folder, 'own.key'),
      'tls-ca-cert-file': join(folder, 'ca.crt'),
      'tls-auth-clients': 'no',
    };
    server = await startRedis({ ...ofTls, 'tls-port': String(port) });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(url: string): Promise<Transport> {
    const transport = await openTransport(url, TOPOLOGY);
    onTestFinished(() => transport.close());
    return transport;
  }

  function trustOwn(): void {
    tls.setDefaultCACertificates([...certificates, readFileSync(join(folder, 'ca.crt'), 'utf8')]);
    onTestFinished(() => tls.setDefaultCACertificates(certificates));
  }

  it('carries messages, blocking reads too, to whom the CA vouches for', async () => {
    trustOwn();
    const transport = await open(`rediss://localhost:${port}`);
    await transport.provision();
    const waiting = take(transport, { waitMs: 5_000 });
    await publish(transport, messages(1));
    await ack(transport, await waiting);
    const byNumber = await open(`rediss://127.0.0.1:${port}`);
    expect(await rejection(byNumber.verify())).toMatchObject({ code: 'Denied' });
  });

  it('is spoken with Sentinels, and with the master that they name', async () => {
    trustOwn();
    const own = await freePort();
    const sentinel = await startRedis(
      { ...ofTls, 'tls-port': String(own), 'tls-replication': 'yes' },
      undefined,
      `sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel monitor main localhost ${port} 1
`,
    );
    onTestFinished(() => sentinel.stop());
    const transport = await open(`rediss://localhost:${own}?master=main&prefix=sentinel`);
    await transport.provision();
    await publish(transport, messages(1));
    await ack(transport, await take(transport, { waitMs: 5_000 }));
    expect(await rejection((await open(`redis://localhost:${own}?master=main`)).verify())).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('use rediss://'),
    });
  });

  it('is spoken with all nodes of a cluster', async () => {
    trustOwn();
    const ports: number[] = [];
    const cluster = await startCluster({
      masters: 2,
      settings: async () => {
        const own = await freePort();
        ports.push(own);
        return {
          ...ofTls,
          'tls-port': String(own),
          'tls-cluster': 'yes',
          'cluster-announce-hostname': 'localhost',
          'cluster-preferred-endpoint-type': 'hostname',
        };
      },
    });
    onTestFinished(() => cluster.stop());
    // One of them sends to the other.
    for (const own of ports) {
      const transport = await open(`rediss://localhost:${own}?cluster=true&prefix=p${own}`);
      await transport.provision();
      await publish(transport, messages(1));
      await ack(transport, await take(transport, { waitMs: 5_000 }));
    }
  }, 60_000);

  it('says which side does not speak it', async () => {
    expect(await rejection((await open(`rediss://localhost:${port}`)).verify())).toMatchObject({
      ...DENIED,
      message: expect.stringContaining('name the CA in NODE_EXTRA_CA_CERTS'),
    });
    expect(await rejection((await open(`redis://localhost:${port}`)).verify())).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('if its port expects TLS, use rediss://'),
    });
    expect(await rejection((await open(`rediss://localhost:${server.port}`)).verify())).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('if its port does not speak TLS, use redis://'),
    });
  });
});
