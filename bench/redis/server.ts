import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export interface Server {
  readonly url: string;
  readonly port: number;
  /** A client beside the drivers. */
  readonly control: Redis;
  /** A number that INFO tells. */
  info(field: string): Promise<number>;
}

/**
 * Runs `measure` with a Redis server of its own, with AOF everysec and nothing of an earlier measurement in it.
 *
 * @param rewrites Whether it may rewrite its AOF: when that happens is luck, so only what runs long leaves it on.
 */
export async function withServer<Result>(
  measure: (server: Server) => Promise<Result>,
  rewrites = false,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-bench-'));
  const port = await freePort();
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    ...(!rewrites && { 'auto-aof-rewrite-percentage': '0' }),
  };
  const child = spawn(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const url = `redis://127.0.0.1:${port}`;
  const control = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  // Until it listens.
  control.on('error', () => undefined);
  try {
    await Promise.race([
      control.ping(),
      ended.then(() => Promise.reject(new Error('redis-server did not start'))),
    ]);
    return await measure({
      url,
      port,
      control,
      async info(field) {
        const line = new RegExp(`^${field}:(\\d+)`, 'm').exec(await control.info());
        return Number(line?.[1]);
      },
    });
  } finally {
    control.disconnect();
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
