import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Topology, Transport } from '../../src/transport/transport.ts';
import type { RedisServer } from './redis.ts';
import { BILLING, message, messages, publish, rejection, take } from './redis-transport.ts';

/** Where users and their rules are, as administrators copy them. */
export const RIGHTS = join(import.meta.dirname, '../../docs/how-to/redis.md');
export const DENIED = { code: 'Denied', retryable: false };

/** Makes the users of the documentation whose names begin so. */
export async function makeUsers({ admin }: RedisServer, prefix = ''): Promise<void> {
  for (const line of readFileSync(RIGHTS, 'utf8').split('\n')) {
    if (!line.startsWith(`ACL SETUSER ${prefix}`)) continue;
    const [, , user = '', ...rules] = line.match(/\([^)]*\)|\S+/g) ?? [];
    await admin.acl('SETUSER', user, ...rules);
  }
}

/** `all` is somebody who may do everything. Leaves three that are ready, of which one is taken, and one that is delayed. */
export async function expectToPublishOnly(publisher: Transport, all: Transport): Promise<void> {
  await publish(publisher, [...messages(2), message({ delayMs: 60_000 }), message({ only: ['billing'] })]);
  await publisher.verify();
  expect(await all.depth(BILLING)).toEqual({ ready: 3, inFlight: 0, delayed: 1, dead: 0 });
  const [delivery] = await take(all, { max: 1 });
  if (delivery === undefined) return expect.unreachable();
  const { receipt } = delivery;
  for (const call of [
    () => take(publisher),
    () => publisher.settle(BILLING, [{ receipt, action: 'ack' }]),
    () => publisher.extend(BILLING, [receipt], 1_000),
    () => publisher.deadLetters.scan(BILLING, { max: 1, leaseMs: 1_000 }),
    () => publisher.provision(),
    async () => publisher.consumers?.(BILLING),
  ]) {
    expect(await rejection(call())).toMatchObject(DENIED);
  }
  expect(await publisher.warnings?.()).toEqual([expect.stringContaining('may not run CONFIG GET')]);
}

/** What an operator sees of three that were dead-lettered, while a fourth waits, and does with them: one is left, one replayed. */
export async function expectToOperate(operator: Transport): Promise<void> {
  expect(await operator.depth(BILLING)).toEqual({ ready: 1, inFlight: 0, delayed: 0, dead: 3 });
  const letters = await operator.deadLetters.scan(BILLING, { max: 10, leaseMs: 60_000 });
  const [replayed, purged, released] = letters;
  if (!replayed || !purged || !released) return expect.unreachable();
  const again = [{ letter: replayed, headers: {} }];
  expect(await operator.deadLetters.replay(BILLING, again)).toEqual(['settled']);
  expect(await operator.deadLetters.purge(BILLING, [purged])).toEqual(['settled']);
  expect(await operator.deadLetters.release(BILLING, [released])).toEqual(['settled']);
  expect(await operator.deadLetters.release(BILLING, [purged])).toMatchObject([{ code: 'NotFound' }]);
  expect(await operator.depth(BILLING)).toMatchObject({ ready: 2, dead: 1 });
  await operator.provision();
  await operator.verify();
  expect(await operator.warnings?.()).toEqual([
    expect.stringContaining('syncs its disk once a second'),
    expect.stringContaining('has no replica'),
  ]);
  const [sent] = await operator.send('orders', [message()]).catch((error: unknown) => [{ error }]);
  expect(sent).toMatchObject({ error: DENIED });
  expect(await rejection(take(operator))).toMatchObject(DENIED);
}

/** None of these users may do anything under another prefix. */
export async function expectToEndAtPrefix(
  users: readonly string[],
  topology: Topology,
  as: (user: string, topology: Topology) => Transport,
): Promise<void> {
  for (const user of users) {
    const transport = as(user, { ...topology, prefix: 'foreign' });
    for (const call of [
      () => transport.send('orders', messages(1)),
      () => take(transport),
      () => transport.depth(BILLING),
      () => transport.provision(),
    ]) {
      expect(await rejection(call())).toMatchObject(DENIED);
    }
  }
}
