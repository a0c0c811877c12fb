import { describe, expect, it } from 'vitest';
import { deadLetterHeaders, readDeadLetterReason, replayHeaders, replaysOf } from './dead-letter.ts';
import { escapeBeyond } from './json.ts';

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

  it.each([
    '"',
    '\\',
    '\n',
    '\u0001',
    '\u009F',
    'é',
    '漢',
    '\uFFFD',
    '\uFFFF',
    '\u{1F4EE}',
    '\u{10FFFF}',
    '\uD800',
  ])('stays within the 16 KiB kept for it, whatever it is made of: %j', (character) => {
    const text = character.repeat(5_000);
    const history = Array.from({ length: 100 }, (_, attempt) => ({ attempt, at: reason.at, error: text }));
    const headers = deadLetterHeaders({ ...reason, message: text, history });
    // Framed as JSON once more by the carrier, which escapes the escapes.
    expect(Buffer.byteLength(escapeBeyond(JSON.stringify(headers)))).toBeLessThan(16_384);
    expect(readDeadLetterReason(headers).history).toHaveLength(8);
  });

  it.each([{}, { 'hikyaku-dead': '' }, { 'hikyaku-dead': '{}' }, { 'hikyaku-dead': '[1' }])(
    'is "undelivered" where the carrier moved it by itself: %j',
    (headers) => {
      expect(readDeadLetterReason(headers)).toMatchObject({ code: 'undelivered', attempts: 0 });
    },
  );

  it('is read with what is sound of a history that others wrote', () => {
    const history = [null, 'x', { attempt: '1', at: reason.at, error: 'no' }, reason.history[0]];
    const read = readDeadLetterReason({ 'hikyaku-dead': JSON.stringify({ ...reason, history }) });
    expect(read).toEqual(reason);
  });

  it('leaves a replayed message its own headers and counts the replays', () => {
    const dead = { 'x-own': '1', ...deadLetterHeaders(reason) };
    const once = replayHeaders(dead);
    expect(once).toEqual({
      'x-own': '1',
      'hikyaku-replays': '1',
      'hikyaku-replayed': expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(replaysOf(replayHeaders({ ...once, ...deadLetterHeaders(reason) }))).toBe(2);
    expect(replaysOf({ 'hikyaku-replays': 'many' })).toBe(0);
  });
});
