import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAMED } from './frame.ts';

const CONTEXT = { topic: 'orders', now: 1_795_255_200_000 };
const text = fc.string({ unit: 'binary' });
const headers = fc.dictionary(text, text);

describe('the layout of an entry', () => {
  it('is a line of JSON, then the exact body', () => {
    expect(FRAMED.encode({ id: 'a', body: '{"b":1}', headers: {} }, CONTEXT)).toBe(
      '{"id":"a","at":1795255200000}\n{"b":1}',
    );
    expect(FRAMED.encode({ id: 'a', body: 'x\ny', headers: { h: '1' }, key: 'k' }, CONTEXT)).toBe(
      '{"id":"a","at":1795255200000,"key":"k","headers":{"h":"1"}}\nx\ny',
    );
  });

  it('says again all that was said about any message', () => {
    fc.assert(
      fc.property(text, text, headers, fc.option(text, { nil: undefined }), (id, body, headers, key) => {
        const message = key === undefined ? { id, body, headers } : { id, body, headers, key };
        const native = FRAMED.encode(message, CONTEXT);
        expect(FRAMED.decode(native, CONTEXT)).toEqual({ ...message, enqueuedAt: CONTEXT.now });
        expect(FRAMED.retry(native)).toBe(native);
      }),
    );
  });

  it('keeps a dead letter with its headers, and replays it with others', () => {
    const native = FRAMED.encode({ id: 'a', body: 'x', headers: { h: '1' }, key: 'k' }, CONTEXT);
    const dead = FRAMED.dead(native, { headers: { h: '1', why: 'no' }, queue: 'q', now: CONTEXT.now + 5 });
    const { native: before, headers: known } = FRAMED.undead(dead);
    expect(known).toEqual({ h: '1', why: 'no' });
    expect(FRAMED.decode(before, CONTEXT)).toMatchObject({
      id: 'a',
      body: 'x',
      key: 'k',
      enqueuedAt: CONTEXT.now,
    });
    const replayed = FRAMED.replay(before, { headers: { h: '2' }, now: CONTEXT.now + 9 });
    expect(FRAMED.decode(replayed, CONTEXT)).toEqual({
      id: 'a',
      body: 'x',
      key: 'k',
      headers: { h: '2' },
      enqueuedAt: CONTEXT.now + 9,
    });
  });

  it.each([
    'plain',
    '',
    '{"id":"a"}',
    '{"id":"a","at":1}',
    '{\n  "id": "a"\n}',
    '{"id":"a"}\n{"id":"b"}',
    '{"id":"a","at":1,"more":2}\nx',
    '{"id":"a","at":"1"}\nx',
    '{"id":"a","at":1,"headers":{"h":1}}\nx',
    '{"id":"a","at":1,"headers":[]}\nx',
    '{"id":"a","at":1,"key":2}\nx',
    '{"id":"a", broken\nx',
  ])('%j is another program’s: its text is the body, and its id follows from it', (native) => {
    const decoded = FRAMED.decode(native, CONTEXT);
    expect(decoded).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), headers: {}, body: native });
    expect(FRAMED.decode(native, CONTEXT).id).toBe(decoded.id);
    expect(FRAMED.decode(`${native}.`, CONTEXT).id).not.toBe(decoded.id);
    const dead = FRAMED.dead(native, { headers: { why: 'no' }, queue: 'q', now: CONTEXT.now });
    expect(FRAMED.decode(FRAMED.undead(dead).native, CONTEXT)).toMatchObject({
      id: decoded.id,
      body: native,
    });
  });
});
