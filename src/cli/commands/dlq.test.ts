import { expect, it } from 'vitest';
import { readDeadLetterReason } from '../../message/dead-letter.ts';
import { deadLetterTable } from './dlq.ts';

it('a dead letter that another program wrote moves nobody’s cursor, and is as old as the carrier says', () => {
  const reason = { code: 'x\u001B[2J', message: 'm\u001B[2J', at: 'soon', attempts: 1, history: [] };
  const text = deadLetterTable([
    {
      id: 'a\u001B[2J',
      reason: readDeadLetterReason({ 'hikyaku-dead': JSON.stringify(reason) }),
      replays: 0,
      enqueuedAt: Date.now() - 600_000,
      body: '',
      headers: {},
    },
  ]);
  expect(text).not.toContain('\u001B');
  expect(text).toContain('x\\u001b[2J');
  expect(text).toContain('10 min ago');
});
