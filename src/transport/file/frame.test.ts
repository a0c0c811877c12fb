import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { frame } from './frame.ts';

const CONTEXT = { topic: 'ping', now: 0 };
const text = fc.string({ unit: 'binary' }).map((any) => any.toWellFormed());
const headers = fc.dictionary(fc.string(), fc.string());
const named = { topic: 'ping', name: 'file' };

it('reads back whatever it was given, and headers of a dead letter in their place', () => {
  void fc.assert(
    fc.property(fc.string(), text, headers, headers, fc.option(fc.string()), (id, body, sent, added, key) => {
      const message = { id, body, headers: sent, ...(key !== null && { key }) };
      const native = frame.encode(message, CONTEXT);
      expect(frame.decode(native, named)).toEqual(message);
      expect(frame.complete?.(native)).toBe(true);
      const dead = frame.dead(native, { headers: added, queue: 'ping/test', now: 0 });
      const back = frame.undead(dead);
      expect(back.headers).toEqual(added);
      expect(frame.decode(back.native, named)).toEqual({ ...message, headers: added });
    }),
  );
});

it('sees that the end is missing', () => {
  const native = frame.encode({ id: '1', body: 'ab飛', headers: {} }, CONTEXT);
  for (const cut of [1, 2, 3, 5]) expect(frame.complete?.(native.slice(0, -cut)), `${cut}`).toBe(false);
  expect(frame.complete?.('{"a":')).toBe(false);
  expect(frame.complete?.('plain text')).toBe(true);
});

it('takes any other text for a body, called by its name', () => {
  void fc.assert(
    fc.property(text, (body) => {
      expect(frame.decode(body, named)).toEqual({ id: 'file', body, headers: {} });
      const dead = frame.undead(frame.dead(body, { headers: { a: 'b' }, queue: 'ping/test', now: 0 }));
      expect(frame.decode(dead.native, named)).toEqual({ id: 'file', body, headers: { a: 'b' } });
    }),
  );
});
