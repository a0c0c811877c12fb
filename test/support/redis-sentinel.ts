import { vi } from 'vitest';
import { type RedisServer, startRedis } from './redis.ts';

/** A master, its replicas, and three Sentinels that watch them: a failover takes one to five seconds. */
export interface RedisSentinels {
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  readonly url: string;
  /** Who is the master for all Sentinels. */
  master(): Promise<RedisServer>;
  /** Waits until all replicas follow the master, and another one has taken the place of `dead`. */
  settled(dead?: RedisServer): Promise<void>;
  stop(): Promise<void>;
}

export const MASTER = 'mymaster';
const WAIT = { timeout: 30_000, interval: 50 };

type Settings = Readonly<Record<string, string>>;

/** `settings` are those of the servers, `ofSentinels` those of Sentinels. */
export async function startSentinels(
  settings: Settings = {},
  ofSentinels: Settings = {},
  replicas = 2,
): Promise<RedisSentinels> {
  const { requirepass } = settings;
  const all = {
    'repl-diskless-sync-delay': '0',
    ...(requirepass !== undefined && { masterauth: requirepass }),
    ...settings,
  };
  const first = await startRedis(all);
  const replicaof = `127.0.0.1\n${first.port}`;
  const servers = [
    first,
    ...(await Promise.all(Array.from({ length: replicas }, () => startRedis({ ...all, replicaof })))),
  ];
  const watched = [
    `sentinel monitor ${MASTER} 127.0.0.1 ${first.port} 2`,
    `sentinel down-after-milliseconds ${MASTER} 1000`,
    `sentinel failover-timeout ${MASTER} 3000`,
    ...(requirepass === undefined ? [] : [`sentinel auth-pass ${MASTER} ${requirepass}`]),
  ].join('\n');
  const sentinels = await Promise.all(
    [1, 2, 3].map(() => startRedis(ofSentinels, undefined, `${watched}\n`)),
  );

  async function master(): Promise<RedisServer> {
    return vi.waitFor(async () => {
      const answers = await Promise.all(
        sentinels.map(({ admin }) => admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)),
      );
      const ports = answers.flatMap((answer) => (Array.isArray(answer) ? [Number(answer[1])] : []));
      const found = servers.find(({ port }) => ports.every((one) => one === port));
      if (found === undefined) throw new Error(`the Sentinels name ${ports.join(', ')}`);
      return found;
    }, WAIT);
  }

  async function settled(dead?: RedisServer): Promise<void> {
    await vi.waitFor(async () => {
      const one = await master();
      if (one === dead) throw new Error('the master that is down has not been replaced');
      const replication = await one.admin.info('replication');
      const following = replication.match(/state=online/g)?.length ?? 0;
      const expected = dead === undefined ? replicas : replicas - 1;
      if (!replication.includes('role:master') || following < expected) {
        throw new Error(`${one.port} has ${following} replicas, not ${expected}`);
      }
    }, WAIT);
  }

  await settled();
  // They find each other, and the replicas, through the master.
  await vi.waitFor(async () => {
    for (const { admin } of sentinels) {
      const view = String(await admin.call('SENTINEL', 'MASTER', MASTER));
      if (!view.includes(`num-slaves,${replicas},num-other-sentinels,2`)) throw new Error(view);
    }
  }, WAIT);

  const [one, ...others] = sentinels.map(({ port }) => `127.0.0.1:${port}`);
  return {
    servers,
    sentinels,
    url: `redis://${one}?sentinels=${others.join(',')}&master=${MASTER}`,
    master,
    settled,
    async stop() {
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()));
    },
  };
}
