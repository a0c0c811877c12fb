import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod/mini';
import { startWorker } from '../../src/consume/worker.ts';
import { defineMessage } from '../../src/message/contract.ts';
import { createPublisher } from '../../src/publish/publisher.ts';
import { openTransport } from '../../src/transport/url.ts';
import { PING, topologyOf } from '../support/ping.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../support/redis.ts';

const CHILD = fileURLToPath(new URL('./hanging-worker.ts', import.meta.url));
const Numbered = defineMessage({ name: 'ping', version: 1, schema: z.object({ n: z.number() }) });
const LEASE_MS = 1_000;

describe.skipIf(WITHOUT_REDIS).each(['redis', 'redis+list'])(
  'on %s, a worker that is killed in the middle of a batch',
  (scheme) => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server.stop());

    it('loses nothing: another takes its messages over within the lease', async () => {
      const url = server.url.replace('redis:', `${scheme}:`);
      const transport = await openTransport(url, topologyOf('ping', 'test'));
      onTestFinished(() => transport.close());
      await transport.provision();
      const publisher = createPublisher({ transport });
      await Promise.all(Array.from({ length: 100 }, (_, n) => publisher.publish(Numbered, { n })));

      const child = spawn(process.execPath, [CHILD, url, String(LEASE_MS)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      await begunAll(child);
      expect(await transport.depth(PING)).toMatchObject({ ready: 50, inFlight: 50 });
      child.kill('SIGKILL');
      const killedAt = performance.now();

      const attempts = new Map<number, number>();
      const done = Promise.withResolvers<void>();
      const worker = startWorker({
        transport,
        address: PING,
        contract: Numbered,
        concurrency: 100,
        leaseMs: LEASE_MS,
        handler: ({ data }, { attempt }) => {
          attempts.set(data.n, attempt);
          if (attempts.size === 100) done.resolve();
        },
      });
      await done.promise;
      expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + 3_000);
      await worker.close();
      expect([...attempts.values()].filter((attempt) => attempt === 2)).toHaveLength(50);
      expect(await transport.depth(PING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
    });
  },
);

/** Resolves when the child says that it has begun on its whole batch. */
function begunAll({ stdout }: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    let said = '';
    stdout?.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes('begun 50')) resolve();
    });
  });
}
