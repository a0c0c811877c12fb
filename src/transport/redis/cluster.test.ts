import { expect, it } from 'vitest';
import { TransportError } from '../errors.ts';
import { createCluster } from './cluster.ts';

it('asks leave of a node that is only about to get what a call is about, for each command, but not within a transaction', async () => {
  const said: string[] = [];
  const cluster = createCluster([{ host: 'old', port: 1 }], ({ host }) => ({
    place: host,
    async ask(send) {
      try {
        return await send({
          async call(command) {
            if (host === 'new') said.push(command);
            else if (command === 'MULTI') throw new Error('ASK 7 new:2');
          },
        });
      } catch (error) {
        throw new TransportError('Unavailable', 'sent on', { cause: error });
      }
    },
    server: () => Promise.reject(new Error('nobody asks')),
    close: () => undefined,
  }));
  await cluster.ask(async (client) => {
    for (const command of ['MULTI', 'GET', 'GET', 'EXEC', 'GET', 'GET']) await client.call(command);
  }, '{key}');
  const alone = ['ASKING', 'GET'];
  expect(said).toEqual(['ASKING', 'MULTI', 'GET', 'GET', 'EXEC', ...alone, ...alone]);
});
