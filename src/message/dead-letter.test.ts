import { describe, expect, it } from 'vitest';
import { deadLetterHeaders, readDeadLetterReason, replayHeaders, replaysOf } from './dead-letter.ts';

const reason = {
  code: 'exhausted',
  message: 'the platform answered 503',
  at: '2026-01-01T00:00:00.000Z',
  attempts: 5,
  history: [{ attempt: 5, at: '2026-01-01T00:00:00.000Z', error: '503' }],
} as const;

describe('what is known about a dead letter', () => {
  it('comes back from its headers', () => {
    expect(readDeadLetterReason({ other: 'x', ...deadLetterHeaders(reason) })).toEqual(reason);
  });

  it('stays well below the 16 KiB kept for it', () => {
    const history = Array.from({ length: 100 }, (_, attempt) => ({
      attempt,
      at: reason.at,
      error: '"'.repeat(5_000),
    }));
    const headers = deadLetterHeaders({ ...reason, message: '\n'.repeat(50_000), history });
    // Framed as JSON once more by the carrier, which escapes the escapes.
    expect(Buffer.byteLength(JSON.stringify(headers))).toBeLessThan(16_384);
    expect(readDeadLetterReason(headers).history).toHaveLength(8);
  });

  it.each([{}, { 'hikyaku-dead': '' }, { 'hikyaku-dead': '{}' }, { 'hikyaku-dead': '[1' }])(
    'is "undelivered" where the carrier moved it by itself: %j',
    (headers) => {
      expect(readDeadLetterReason(headers)).toMatchObject({ code: 'undelivered', attempts: 0 });
    },
  );

  it('leaves a replayed message its own headers and counts the replays', () => {
    const dead = { 'x-own': '1', ...deadLetterHeaders(reason) };
    const once = replayHeaders(dead);
    expect(once).toEqual({ 'x-own': '1', 'hikyaku-replays': '1' });
    expect(replaysOf(replayHeaders({ ...once, ...deadLetterHeaders(reason) }))).toBe(2);
    expect(replaysOf({ 'hikyaku-replays': 'many' })).toBe(0);
  });
});
