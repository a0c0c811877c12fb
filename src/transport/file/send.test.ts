import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../../test/support/file-transport.ts';
import { PING, topologyOf } from '../../../test/support/ping.ts';
import { deadLetterHeaders, readDeadLetterReason } from '../../message/dead-letter.ts';
import { createReportFiles } from '../dialects/files.ts';

const LEASE = { leaseMs: 30_000 };
/** What is left of a file that can be read, once room is kept for a dead letter. */
const MOST = 1_114_112 - 16_384;
/** What stands around the text, as it is written. */
const AROUND = '{\n  "said": ""\n}'.length;

async function openReports() {
  const options = { root: temporaryFolder(), layout: 'flat', retentionMs: 0 } as const;
  const transport = createReportFiles(topologyOf('ping', 'test'), options);
  onTestFinished(() => transport.close());
  await transport.provision();
  return transport;
}

function report(id: string, said: string) {
  const envelope = { specversion: '1.0', id, source: '/test', type: 'ping', data: { said } };
  return { id, body: JSON.stringify(envelope), headers: {} };
}

it('refuses what a dialect writes larger than a file that is read, and takes what fits to the byte', async () => {
  const transport = await openReports();
  // Written as \u00e9.
  const accents = 'é'.repeat(180_000);
  const rest = 'x'.repeat(MOST - AROUND - 6 * accents.length);
  expect(await transport.send('ping', [report('1', `${accents}${rest}x`)])).toMatchObject([
    {
      error: {
        code: 'TooLarge',
        retryable: false,
        message: `message 1 is a file of ${MOST + 1} bytes: at most ${MOST} fit`,
      },
    },
  ]);
  expect(await transport.depth(PING)).toMatchObject({ ready: 0 });

  const said = `${accents}${rest}`;
  expect(await transport.send('ping', [report('2', said)])).toEqual(['accepted']);
  const [received] = await transport.receive(PING, { max: 1, waitMs: 10_000, ...LEASE });
  if (received === undefined) return expect.unreachable();
  expect(JSON.parse(received.body).data.said === said).toBe(true);
  const headers = deadLetterHeaders({ code: 'rejected', message: 'no', at: '', attempts: 1, history: [] });
  await transport.settle(PING, [{ receipt: received.receipt, action: 'deadLetter', headers }]);
  const [letter] = await transport.deadLetters.scan(PING, { max: 1, ...LEASE });
  if (letter === undefined) return expect.unreachable();
  expect(JSON.parse(letter.body).data.said === said).toBe(true);
  expect(readDeadLetterReason(letter.headers)).toMatchObject({ code: 'rejected', message: 'no' });
});
