import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { Transport } from '../../src/transport/transport.ts';
import { PING, topologyOf } from '../../test/support/ping.ts';
import { bundleLambdas } from './bundle.ts';
import { ROOT } from './functions.ts';

it('says to a function that asks what only operators do that it was bundled without', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-operator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const entry = join(folder, 'entry.ts');
  const opens = JSON.stringify(join(ROOT, 'src/transport/open-redis.ts'));
  writeFileSync(entry, `export { openRedisTransport as handler } from ${opens};`);
  const [bundle] = await bundleLambdas([{ name: 'open', entry, drivers: ['redis-streams'] }], folder);
  const { handler } = await import(pathToFileURL(bundle?.module ?? '').href);
  // Nothing listens there, and nothing is asked.
  const url = 'redis://127.0.0.1:1?retention=1h';
  const transport: Transport = await handler(url, topologyOf('ping', 'test'));
  onTestFinished(() => transport.close());
  const { deadLetters, history, warnings } = transport;
  const without = 'bundled without what operators ask of Redis';
  await expect(deadLetters.scan(PING, { max: 1, leaseMs: 1_000 })).rejects.toThrow(without);
  await expect(deadLetters.purge(PING, [])).rejects.toThrow(without);
  await expect(history?.read(PING, { from: 0, to: 1, max: 1 })).rejects.toThrow(without);
  await expect(transport.consumers?.(PING)).rejects.toThrow(without);
  await expect(warnings?.()).rejects.toThrow(without);
});
