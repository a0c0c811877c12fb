import { expect, it } from 'vitest';
import { topologyOf } from '../../test/support/ping.ts';
import { createMemoryTransport } from './memory/memory.ts';
import { type OpenBroadcast, withBroadcast } from './with-broadcast.ts';

const TOLD = { onNotice: () => {}, onAway: () => {}, onGap: () => {} };

it('begins nothing on what was still being opened when the transport closed, and closes it', async () => {
  const opening = Promise.withResolvers<OpenBroadcast>();
  const calls: string[] = [];
  const transport = withBroadcast(createMemoryTransport(topologyOf('ping')), () => opening.promise);
  const begun = Promise.allSettled([
    transport.broadcast?.listen('ping', TOLD),
    transport.broadcast?.notify('ping', []),
  ]);
  const closed = transport.close();
  opening.resolve({
    async notify() {
      calls.push('notify');
      return [];
    },
    async listen() {
      calls.push('listen');
      return { close: async () => {} };
    },
    async close() {
      calls.push('close');
    },
  });
  const refused = { status: 'rejected', reason: { code: 'Closed' } };
  expect(await begun).toMatchObject([refused, refused]);
  await closed;
  expect(calls).toEqual(['close']);
});
