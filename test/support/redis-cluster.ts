import { vi } from 'vitest';
import { type RedisServer, startRedis } from './redis.ts';

/** A cluster. */
export interface RedisCluster {
  /** As it was started: later, another one may be the master. */
  readonly masters: readonly RedisServer[];
  readonly replicas: readonly RedisServer[];
  readonly url: string;
  /** Who has the slot of a key now. */
  ownerOf(key: string): Promise<RedisServer>;
  /** Who follows a master that lives. */
  replicaOf(master: RedisServer): Promise<RedisServer>;
  /** Gives the slot of a key to another master, key by key; `halfway` is run when some of them have gone. */
  move(key: string, to: RedisServer, halfway?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

const WAIT = { timeout: 30_000, interval: 50 };
const SLOTS = 16_384;

interface ClusterSettings {
  readonly masters?: number;
  /** Of each master. */
  readonly replicas?: number;
  /** More settings of redis.conf, for each node its own. */
  readonly settings?: () => Promise<Readonly<Record<string, string>>>;
}

/** Starts the nodes, and waits until they agree on everything. */
export async function startCluster({
  masters = 3,
  replicas = 0,
  settings = async () => ({}),
}: ClusterSettings = {}): Promise<RedisCluster> {
  const started = await Promise.all(
    Array.from({ length: masters * (1 + replicas) }, async () => {
      const own = await settings();
      const server = await startRedis({
        'cluster-enabled': 'yes',
        'cluster-node-timeout': '1500',
        'cluster-allow-replica-migration': 'no',
        'repl-diskless-sync-delay': '0',
        // One that has received nothing yet is not shown.
        'repl-ping-replica-period': '1',
        ...own,
      });
      const port = Number(own['tls-port'] ?? server.port);
      const [, bus = ''] = await server.admin.config('GET', 'cluster-port');
      return { server, port, bus, id: String(await server.admin.call('CLUSTER', 'MYID')) };
    }),
  );
  const nodes = started.map(({ server }) => server);
  for (const [index, { server, port, bus }] of started.entries()) {
    if (index < masters) {
      const [from = 0, to = 0] = [index, index + 1].map((count) => Math.ceil((count * SLOTS) / masters));
      await server.admin.call('CLUSTER', 'ADDSLOTSRANGE', from, to - 1);
    }
    await server.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    // Each to all before it: hearing of each other takes seconds.
    for (const { admin } of nodes.slice(0, index)) {
      await admin.call('CLUSTER', 'MEET', '127.0.0.1', port, bus);
    }
  }
  for (const [index, { server }] of started.entries()) {
    if (index < masters) continue;
    const master = started[index % masters]?.id ?? '';
    // Until it has heard of its master it refuses.
    await vi.waitFor(() => server.admin.call('CLUSTER', 'REPLICATE', master), WAIT);
  }
  await vi.waitFor(async () => {
    for (const { admin, port } of nodes) {
      const info = String(await admin.call('CLUSTER', 'INFO'));
      const known = Number(/cluster_known_nodes:(\d+)/.exec(info)?.[1]);
      if (!info.includes('cluster_state:ok') || known !== nodes.length) throw new Error(`${port}: ${info}`);
      if ((await shardsOf(admin)).some((shard) => shard.length !== 1 + replicas)) throw new Error(`${port}`);
    }
  }, WAIT);
  for (const replica of nodes.slice(masters)) {
    await vi.waitUntil(async () => String(await replica.admin.call('ROLE')).includes('connected'), WAIT);
  }

  /** The ports of each shard, the master's first. */
  async function shardsOf(admin: RedisServer['admin'], slot?: number): Promise<number[][]> {
    const answer = await admin.call('CLUSTER', 'SLOTS');
    if (!Array.isArray(answer)) return [];
    return answer
      .filter(([from, to]) => slot === undefined || (from <= slot && slot <= to))
      .map((range: unknown[]) => range.slice(2).map((node) => (Array.isArray(node) ? Number(node[1]) : 0)));
  }

  async function slotOf(key: string): Promise<number> {
    return Number(await alive().call('CLUSTER', 'KEYSLOT', key));
  }

  function alive(): RedisServer['admin'] {
    const one = nodes.find(({ admin }) => admin.status === 'ready');
    if (one === undefined) throw new Error('no node lives');
    return one.admin;
  }

  function nodeAt(port: number | undefined): RedisServer {
    const node = nodes.find((one) => one.port === port);
    if (node === undefined) throw new Error(`no node has port ${port}`);
    return node;
  }

  async function ownerOf(key: string): Promise<RedisServer> {
    const [shard] = await shardsOf(alive(), await slotOf(key));
    return nodeAt(shard?.[0]);
  }

  return {
    masters: nodes.slice(0, masters),
    replicas: nodes.slice(masters),
    url: `redis://127.0.0.1:${nodes[0]?.port}?cluster=true&nodes=127.0.0.1:${nodes[1]?.port}`,
    ownerOf,
    async replicaOf(master) {
      const shard = (await shardsOf(alive())).find(([port]) => port === master.port);
      return nodeAt(shard?.[1]);
    },
    async move(key, to, halfway) {
      const slot = await slotOf(key);
      const from = await ownerOf(key);
      const idOf = (node: RedisServer) => started.find(({ server }) => server === node)?.id ?? '';
      await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', idOf(from));
      await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', idOf(to));
      for (let moved = 0; ; moved++) {
        const keys = await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 1);
        if (moved === 1 || !Array.isArray(keys) || keys.length === 0) await halfway?.();
        halfway = moved === 0 ? halfway : undefined;
        if (!Array.isArray(keys) || keys.length === 0) break;
        await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
      }
      for (const node of [to, from, ...nodes.slice(0, masters)]) {
        await node.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', idOf(to));
      }
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
