import { expect, it } from 'vitest';
import { TransportError } from '../errors.ts';
import type { Line } from './connection.ts';
import { findMaster } from './sentinel.ts';

/** A Sentinel that says this: which port, as of which epoch; a failure; or nothing at all. */
function sentinel(answer: readonly [port: number, epoch: number] | TransportError | 'silence') {
  const asked: unknown[] = [];
  let closed = false;
  return {
    place: 'Sentinel at there',
    closed: () => closed,
    asked,
    ask: (send) =>
      send({
        call: async (...command) => {
          asked.push(command);
          if (answer instanceof TransportError) throw answer;
          if (answer === 'silence') return new Promise(() => {});
          const [port, epoch] = answer;
          if (command[1] === 'GET-MASTER-ADDR-BY-NAME') return ['m.example.com', `${port}`];
          // It describes the old one for a while.
          return ['name', 'port', 'ip', 'm.example.com', 'port', '0', 'config-epoch', `${epoch}`];
        },
      }),
    server: () => Promise.reject(new Error('nobody asks')),
    close() {
      closed = true;
    },
  } satisfies Line & { closed(): boolean; asked: unknown[] };
}

const away = new TransportError('Unavailable', 'away');

it.each([
  ['all agree', [sentinel([1, 4]), sentinel([1, 4]), sentinel([1, 4])], 1],
  ['one has not heard of the failover', [sentinel([1, 4]), sentinel([2, 5]), sentinel(away)], 2],
  ['only one has heard of it', [sentinel([2, 5]), sentinel([1, 4]), sentinel([1, 4])], 2],
  ['one is away', [sentinel(away), sentinel([2, 5]), sentinel([2, 5])], 2],
  ['one says nothing', [sentinel('silence'), sentinel([2, 5]), sentinel([2, 5])], 2],
  ['only one is there', [sentinel(away), sentinel(away), sentinel([3, 9])], 3],
  ['one has forgotten it', [sentinel(new TransportError('Invalid', 'x')), sentinel([3, 9])], 3],
])('%s', async (_, sentinels, port) => {
  expect(await findMaster(sentinels, 'port')).toEqual({ host: 'm.example.com', port });
  for (const { closed, asked } of sentinels) {
    expect(closed()).toBe(true);
    expect(asked).toEqual([
      ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'port'],
      ['SENTINEL', 'MASTER', 'port'],
    ]);
  }
});

it('says what is wrong rather than who is away', async () => {
  const denied = new TransportError('Denied', 'Sentinel at there answered: NOAUTH');
  await expect(findMaster([sentinel(away), sentinel(denied)], 'm')).rejects.toMatchObject({
    code: 'Denied',
    message: 'Sentinel at there answered: NOAUTH; the password of Sentinels is sentinelPassword there',
  });
  await expect(findMaster([sentinel(away), sentinel(away)], 'm')).rejects.toMatchObject({
    code: 'Unavailable',
    message: 'no Sentinel answers: away; away',
  });
});
