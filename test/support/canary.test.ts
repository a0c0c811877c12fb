import { expect, it } from 'vitest';
import { CANARY, CANARY_WEBHOOK_SECRET, canariesIn } from './canary.ts';

it('finds the canary in whatever it is written', () => {
  const around = (text: string) => `${JSON.stringify({ error: text })}\n`;
  for (const text of [
    CANARY,
    CANARY.toUpperCase(),
    CANARY_WEBHOOK_SECRET,
    Buffer.from(`a${CANARY}`).toString('base64'),
    Buffer.from(`user:${CANARY}x`).toString('base64url'),
    Buffer.from(`ab${CANARY}`).toString('hex'),
    Array.from(CANARY, (unit) => `%${unit.charCodeAt(0).toString(16)}`).join(''),
    Array.from(CANARY, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`).join(''),
    JSON.stringify(JSON.stringify({ [CANARY]: 1 })),
  ]) {
    expect(canariesIn(around(text)), text).not.toEqual([]);
  }
  expect(canariesIn(around('Canary7'))).toEqual([]);
});
