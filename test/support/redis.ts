import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import type { RedisStreamsOptions } from '../../src/transport/redis-streams/options.ts';

/** Whether tests on Redis cannot run here; the setup of the tests has said why. */
export const WITHOUT_REDIS = inject('redisServer') === '';

/** Why tests on Valkey cannot run here; undefined where they can. */
export const WITHOUT_VALKEY =
  inject('valkeyServer') === ''
    ? 'no valkey-server on PATH: "apt-get install valkey-server" or "brew install valkey"'
    : undefined;

/** A server of one's own, with nothing in it. */
export interface RedisServer {
  readonly port: number;
  /** Where its data is. */
  readonly folder: string;
  readonly url: string;
  readonly options: RedisStreamsOptions;
  /** A client beside the driver, to look and to meddle. */
  readonly admin: Redis;
  /** Ends the server at once, as kill -9 does. */
  kill(): Promise<void>;
  /** Resolves when it has ended, killed or by itself. */
  readonly ended: Promise<unknown>;
  /** Starts it again, on the same port and data. */
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** The same as {@link startRedis}, on Valkey. */
export function startValkey(): Promise<RedisServer> {
  return startRedis({}, inject('valkeyServer'));
}

/**
 * Starts a server on a free port and a temporary folder, with AOF everysec. `settings` are those of redis.conf,
 * `command` the program; with `watched`, it is a Sentinel of what that says. `environment` is what it is given besides ours.
 */
export async function startRedis(
  settings: Readonly<Record<string, string>> = {},
  command = inject('redisServer'),
  watched?: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<RedisServer> {
  for (let tried = 1; ; tried++) {
    try {
      return await launch(settings, command, watched, environment);
    } catch (error) {
      // Somebody else may have been given its port.
      if (tried === 3) throw error;
    }
  }
}

async function launch(
  settings: Readonly<Record<string, string>>,
  command: string,
  watched: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-redis-'));
  const port = await freePort();
  const all = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    // By itself it would be ten thousand more than the other one, which may be too high.
    ...(settings['cluster-enabled'] === 'yes' && { 'cluster-port': String(await freePort()) }),
    ...settings,
  };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, ...value.split('\n')]);
  if (watched !== undefined) {
    // It writes down there what it finds out.
    const file = join(folder, 'sentinel.conf');
    writeFileSync(file, watched);
    args.unshift(file, '--sentinel');
  }
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  const admin = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    ...(settings['requirepass'] !== undefined && { password: settings['requirepass'] }),
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  });
  admin.on('error', () => undefined);

  async function start(): Promise<void> {
    child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...environment } });
    const exit = new Promise((resolve) => child?.once('exit', resolve));
    ended = exit;
    const answered = settings['port'] === '0' ? Promise.resolve() : admin.ping();
    const died = exit.then(() => Promise.reject(new Error(`the Redis server on port ${port} ended`)));
    died.catch(() => undefined);
    await Promise.race([answered, died]);
  }

  async function kill(): Promise<void> {
    child?.kill('SIGCONT');
    child?.kill('SIGKILL');
    await ended;
  }

  try {
    await start();
  } catch (error) {
    admin.disconnect();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    port,
    folder,
    url: `redis://127.0.0.1:${port}`,
    options: {
      host: '127.0.0.1',
      port,
      tls: false,
      database: 0,
      retentionMs: 0,
      maxDepth: 0,
      blocking: true,
    },
    admin,
    kill,
    get ended() {
      return ended;
    },
    start,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async stop() {
      admin.disconnect();
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port is free');
  return address.port;
}
