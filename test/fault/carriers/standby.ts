import { vi } from 'vitest';
import { type RedisServer, WITHOUT_REDIS } from '../../support/redis.ts';
import { type RedisCluster, startCluster } from '../../support/redis-cluster.ts';
import { MASTER, startSentinels } from '../../support/redis-sentinel.ts';
import { LOAD } from '../children/load.ts';
import type { Carrier, Server, StartOptions, Topology } from './carrier.ts';

/** Servers of which one takes the place of another. Each call waits until it is so, and rejects when it never is. */
export interface Standby {
  /** Who has the messages. */
  master(): Promise<RedisServer>;
  /** Who follows it, and may take its place. */
  replica(): Promise<RedisServer>;
  /** Another one is the master, in place of this one. */
  replaced(before: RedisServer): Promise<void>;
  /** The master has its replica. */
  complete(): Promise<void>;
  /** Has the replica take over while the master is well. */
  handOver(): Promise<void>;
  /** Gives what the messages stand in to a master of another shard. */
  move?(): Promise<void>;
}

const WAIT = { timeout: 30_000, interval: 50 };
/** What all keys of the topic have in common. */
const TAG = `{${LOAD.topic}}`;

/** Carriers on several Redis servers, for faults that ask for them. */
export function onStandby(name: string, scheme: string, topology: Topology): Carrier {
  const start = topology === 'sentinel' ? onSentinels : onCluster;
  return {
    name: `${name}-${topology}`,
    ordered: false,
    networked: true,
    hostile: false,
    isRedis: true,
    topology,
    unavailable: async () => (WITHOUT_REDIS ? 'no redis-server and no valkey-server on PATH' : undefined),
    async start(options) {
      const server = await start(options);
      const url = server.url().replace('redis:', scheme);
      return { ...server, url: () => url };
    },
  };
}

/** A master and its replica, watched by three Sentinels. */
async function onSentinels({ settings }: StartOptions): Promise<Server> {
  const set = await startSentinels(settings, {}, 1);

  async function replica(): Promise<RedisServer> {
    const master = await set.master();
    const other = set.servers.find((server) => server !== master);
    if (other === undefined) throw new Error('there is no replica');
    return other;
  }

  return {
    url: () => set.url,
    stop: set.stop,
    standby: {
      master: set.master,
      replica,
      replaced: (before) => set.settled(before),
      complete: () => set.settled(),
      async handOver() {
        const before = await set.master();
        // Shortly after the last time they refuse.
        await vi.waitFor(() => set.sentinels[0]?.admin.call('SENTINEL', 'FAILOVER', MASTER), WAIT);
        await set.settled(before);
      },
    },
  };
}

/** Three masters with a replica each. */
async function onCluster({ settings }: StartOptions): Promise<Server> {
  const cluster = await startCluster({ replicas: 1, settings: async () => settings ?? {} });

  async function replaced(before: RedisServer): Promise<void> {
    await vi.waitFor(async () => {
      if ((await cluster.ownerOf(TAG)) === before) throw new Error('the master has not been replaced');
    }, WAIT);
  }

  return {
    url: () => cluster.url,
    stop: cluster.stop,
    standby: {
      master: () => cluster.ownerOf(TAG),
      replica: async () => cluster.replicaOf(await cluster.ownerOf(TAG)),
      replaced,
      complete: () => vi.waitFor(() => expectReplica(cluster), WAIT),
      async handOver() {
        const before = await cluster.ownerOf(TAG);
        const { admin } = await cluster.replicaOf(before);
        await admin.call('CLUSTER', 'FAILOVER');
        await replaced(before);
      },
      async move() {
        const from = await cluster.ownerOf(TAG);
        const to = cluster.masters.find((master) => master !== from);
        if (to === undefined) throw new Error('there is one shard only');
        await cluster.move(TAG, to);
      },
    },
  };
}

async function expectReplica(cluster: RedisCluster): Promise<void> {
  const master = await cluster.ownerOf(TAG);
  const { admin } = await cluster.replicaOf(master);
  const role = String(await admin.call('ROLE'));
  if (!role.includes(`${master.port},connected`)) throw new Error(`it is ${role}`);
}

export function standbyOf({ standby }: { readonly standby?: Standby }): Standby {
  if (standby === undefined) throw new Error('this needs servers that take over');
  return standby;
}
