import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { fileTransport } from '../../../test/support/file-transport.ts';
import { PING } from '../../../test/support/ping.ts';

const DAY_MS = 86_400_000;

async function handleOne(retentionMs: number) {
  const given = await fileTransport({ retentionMs });
  const { transport } = given;
  await transport.send('ping', [{ id: '1', body: '{}', headers: {} }]);
  const [received] = await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 30_000 });
  if (received === undefined) return expect.unreachable();
  const ack = async () => {
    const { receipt } = received;
    expect(await transport.settle(PING, [{ receipt, action: 'ack' }])).toEqual(['settled']);
  };
  return { ...given, ack };
}

it('keeps nothing of what is handled, unless it is told how long', async () => {
  const { ack, folder } = await handleOne(0);
  await ack();
  expect(readdirSync(folder('archive'))).toEqual([]);
});

it('keeps what is handled for so long, and of what others put there, what is as young', async () => {
  const { ack, folder } = await handleOne(DAY_MS);
  const ours = (age: number) => `${Date.now() - age}-000000-aaaaaaaaaa.msg`;
  const [old, young, oldMarked] = [ours(DAY_MS + 60_000), ours(DAY_MS - 60_000), ours(2 * DAY_MS)];
  const marked = `1763740800000+0.1.aaaaaaaaaa-0~${oldMarked}`;
  for (const name of [old, young, marked, 'old.json', 'young.json'])
    writeFileSync(folder(`archive/${name}`), '');
  const before = (Date.now() - DAY_MS - 60_000) / 1_000;
  utimesSync(folder('archive/old.json'), before, before);
  await ack();
  for (const name of [old, marked, 'old.json']) {
    await vi.waitUntil(() => !existsSync(folder(`archive/${name}`)), { timeout: 5_000 });
  }
  const left = readdirSync(folder('archive'));
  expect(left).toHaveLength(3);
  expect(left).toEqual(expect.arrayContaining([young, 'young.json']));
});

it('goes on handling when something in the archive cannot be removed', async () => {
  const { ack, folder, transport } = await handleOne(DAY_MS);
  mkdirSync(folder('archive/1763740800000-000000-aaaaaaaaaa.msg'));
  await ack();
  await transport.close();
  expect(readdirSync(folder('archive'))).toHaveLength(2);
});
