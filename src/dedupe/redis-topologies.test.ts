import { Cluster, Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WITHOUT_REDIS } from '../../test/support/redis.ts';
import { startCluster } from '../../test/support/redis-cluster.ts';
import { MASTER, startSentinels } from '../../test/support/redis-sentinel.ts';
import type { Claim, ClaimOutcome, DedupeStore } from './dedupe.ts';
import { createRedisDedupeStore } from './redis.ts';

const TIMES = { leaseMs: 60_000, ttlMs: 300_000 };
/** What a handler may be called with, tags of other keys among it. */
const KEYS = ['one', 'two', '{tag}three', '{tag}four', '{}five', 'six{', '}seven{', 'ünï', ...'abcdefgh'];

function claimed(outcome: ClaimOutcome): Claim {
  if (outcome === 'done' || outcome.status === 'busy') throw new Error('not claimed');
  return outcome;
}

/** Each key has one owner, who completes it. */
async function remembers(store: DedupeStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const claim = claimed(await store.claim(key, TIMES));
    expect(await store.claim(key, TIMES)).toMatchObject({ status: 'busy' });
    expect(await store.complete(claim)).toBe(true);
    expect(await store.claim(key, TIMES)).toBe('done');
  }
}

describe.skipIf(WITHOUT_REDIS)('the redis store', () => {
  it('remembers on all nodes of a cluster, and at whoever takes over', async () => {
    const cluster = await startCluster({ replicas: 1 });
    onTestFinished(() => cluster.stop());
    const client = new Cluster([{ host: '127.0.0.1', port: cluster.masters[0]?.port ?? 0 }]);
    onTestFinished(() => client.disconnect());
    client.on('error', () => undefined);
    const store = createRedisDedupeStore(client);
    await remembers(store, KEYS);
    const counts = await Promise.all(cluster.masters.map(({ admin }) => admin.dbsize()));
    expect(counts.every((count) => count > 0)).toBe(true);
    expect(counts.reduce((sum, count) => sum + count)).toBe(KEYS.length);

    const [master] = cluster.masters;
    const kept = claimed(await store.claim('kept', TIMES));
    await vi.waitFor(async () => {
      const counts = await Promise.all(cluster.replicas.map(({ admin }) => admin.dbsize()));
      expect(counts.reduce((sum, count) => sum + count)).toBe(KEYS.length + 1);
    });
    await master?.kill();
    await vi.waitFor(
      async () => {
        for (const key of KEYS) expect(await store.claim(key, TIMES)).toBe('done');
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(await store.complete(kept)).toBe(true);
    await remembers(store, ['after', 'the', 'failover', 'as', 'before']);
  }, 60_000);

  it('remembers behind Sentinels, also at the next master', async () => {
    const set = await startSentinels();
    onTestFinished(() => set.stop());
    const client = new Redis({
      name: MASTER,
      sentinels: set.sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
      retryStrategy: () => 100,
    });
    onTestFinished(() => client.disconnect());
    client.on('error', () => undefined);
    const store = createRedisDedupeStore(client);
    await remembers(store, KEYS);
    const master = await set.master();
    const kept = claimed(await store.claim('kept', TIMES));
    await master.admin.set('mark', 1);
    expect(await master.admin.wait(2, 10_000)).toBe(2);
    await master.kill();
    await set.settled(master);
    await vi.waitFor(async () => expect(await store.claim('one', TIMES)).toBe('done'), {
      timeout: 30_000,
      interval: 200,
    });
    expect(await store.complete(kept)).toBe(true);
    await remembers(store, ['after', 'the', 'failover']);
  }, 60_000);
});
