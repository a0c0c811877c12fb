import { renameSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { fileTransport } from '../../../test/support/file-transport.ts';
import { PING, topologyOf } from '../../../test/support/ping.ts';
import { createDirectory } from './directory.ts';
import { createNamer } from './entry-name.ts';
import { syncFolder } from './folders.ts';
import { frame } from './frame.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { createRoom } from './room.ts';

const receive = { max: 10, waitMs: 0, leaseMs: 30_000 };

/** A room that does one thing after the other, and `between` after each. */
function openRoom(root: string, between: () => void) {
  const one = createLimiter(1);
  const limiter: Limiter = (action) => one(() => action().finally(between));
  const options = { root, layout: 'nested', retentionMs: 0 } as const;
  const room = createRoom({
    place: createDirectory(topologyOf('ping', 'test'), options).at(PING),
    namer: createNamer(),
    dialect: frame,
    limiter,
    syncFolder,
    giveBack: async () => undefined,
  });
  onTestFinished(() => room.close());
  return room;
}

it('hands over what was taken before a folder went away, and takes the rest when it is back', async () => {
  const { transport, root, folder } = await fileTransport();
  await transport.send(
    'ping',
    ['1', '2', '3'].map((id) => ({ id, body: '{}', headers: {} })),
  );
  let away = false;
  const room = openRoom(root, () => {
    if (!away) renameSync(folder('inflight'), folder('elsewhere'));
    away = true;
  });
  expect(await room.receive(receive)).toMatchObject([{ id: '1' }]);
  await expect(room.receive(receive)).rejects.toMatchObject({ code: 'NotFound' });
  renameSync(folder('elsewhere'), folder('inflight'));
  expect(await room.receive(receive)).toMatchObject([{ id: '2' }, { id: '3' }]);
});
