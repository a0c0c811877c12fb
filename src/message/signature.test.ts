import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../transport/transport.ts';
import { REPLAYED, readReplay } from './replayed.ts';
import {
  InvalidSigningKey,
  isReplaySigned,
  isSigned,
  keyOf,
  readSignature,
  SIGNATURE,
  SIGNATURE_BYTES,
  sign,
  signReplay,
} from './signature.ts';

const KEY = keyOf('0123456789abcdef0123456789abcdef');
const OTHER = keyOf('another key that is long enough, too');
const message = { id: 'm-1', body: '{"n":1}' };

function found(text: string) {
  const signature = readSignature(text);
  if (signature === undefined) throw new Error(`${text} is no signature`);
  return signature;
}

describe('a signature', () => {
  it('is the same on every machine, now and later', () => {
    expect(sign(KEY, 'orders', message)).toBe(
      'v1.f973136064de45bc.H_PqDnzFkqMA5vsJRsPhxtBQ-Q_o5ovGB8NSwgOSAWk',
    );
  });

  it('holds for the topic, the id and the very bytes that were signed, and the key', () => {
    const signature = found(sign(KEY, 'orders', message));
    expect(signature.keyId).toBe(KEY.id);
    expect(isSigned(KEY, signature, 'orders', message)).toBe(true);
    expect(isSigned(KEY, signature, 'returns', message)).toBe(false);
    expect(isSigned(KEY, signature, 'orders', { ...message, id: 'm-2' })).toBe(false);
    expect(isSigned(KEY, signature, 'orders', { ...message, body: '{"n": 1}' })).toBe(false);
    expect(isSigned(OTHER, signature, 'orders', message)).toBe(false);
  });

  it('does not hold when what was signed is parted differently', () => {
    const texts = fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.string());
    fc.assert(
      fc.property(texts, texts, ([topic, id, body], [topic2, id2, body2]) => {
        const signature = found(sign(KEY, topic, { id, body }));
        expect(isSigned(KEY, signature, topic, { id, body })).toBe(true);
        expect(isSigned(KEY, signature, topic + id, { id: '', body })).toBe(id === '');
        expect(isSigned(KEY, signature, topic, { id: id + body, body: '' })).toBe(body === '');
        const same = topic === topic2 && id === id2 && body === body2;
        expect(isSigned(KEY, signature, topic2, { id: id2, body: body2 })).toBe(same);
      }),
      { numRuns: 200 },
    );
  });

  it('takes as many bytes as are kept free for it', () => {
    const bare = { ...message, headers: {} };
    const signed = { ...message, headers: { [SIGNATURE]: sign(KEY, 'orders', message) } };
    expect(sizeOf(signed) - sizeOf(bare)).toBe(SIGNATURE_BYTES);
  });

  it('of a message is none of a replay, and the other way round', () => {
    const signature = sign(KEY, 'orders', message);
    const replay = found(signReplay(KEY, 'orders', 'm-1', '2026-11-21T10:00:00Z', signature));
    const holds = (at: string) => isReplaySigned(KEY, replay, 'orders', 'm-1', at, signature);
    expect(holds('2026-11-21T10:00:00Z')).toBe(true);
    expect(holds('2027-11-21T10:00:00Z')).toBe(false);
    expect(isSigned(KEY, replay, 'orders', { id: 'm-1', body: signature })).toBe(false);
  });

  it('is read from anything without a crash, and from nothing else', () => {
    const mangled = fc.tuple(fc.nat(70), fc.string({ maxLength: 3 })).map(([at, text]) => {
      const whole = sign(KEY, 'orders', message);
      return whole.slice(0, at) + text + whole.slice(at + 1);
    });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), mangled), (text) => {
        const signature = readSignature(text);
        if (signature === undefined) return;
        expect(signature.mac).toHaveLength(32);
        expect(isSigned(KEY, signature, 'orders', { ...message, id: 'm-2' })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('has one way to be written', () => {
    const whole = sign(KEY, 'orders', message);
    const others = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
      .map((last) => whole.slice(0, -1) + last)
      .filter((text) => text !== whole);
    for (const text of others) {
      const signature = readSignature(text);
      if (signature !== undefined) expect(isSigned(KEY, signature, 'orders', message)).toBe(false);
    }
  });

  it('is compared without a throw where it is shorter', () => {
    const short = { keyId: KEY.id, mac: Buffer.alloc(3) };
    expect(isSigned(KEY, short, 'orders', message)).toBe(false);
  });
});

describe('a signing key', () => {
  it('is long enough to be a secret, and an error does not tell it', () => {
    const problem = (() => {
      try {
        keyOf('too short');
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(problem).toBeInstanceOf(InvalidSigningKey);
    expect(String(problem)).toContain('has 9 characters: expected at least 32');
    expect(String(problem)).not.toContain('too short');
  });

  it('has an id that follows from it and does not show it', () => {
    expect(KEY.id).toMatch(/^[0-9a-f]{16}$/);
    expect(OTHER.id).not.toBe(KEY.id);
    expect(JSON.stringify(KEY)).not.toContain('0123456789abcdef0123');
  });
});

describe('what headers say of a replay', () => {
  it('is read from anything without a crash or a changed prototype', () => {
    const headers = fc.dictionary(
      fc.oneof(fc.string(), fc.constant(REPLAYED)),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(headers, (some) => {
        const replay = readReplay(some);
        if (replay !== undefined) expect(Number.isFinite(replay.at)).toBe(true);
        expect(Reflect.ownKeys(Object.getPrototypeOf({}))).toContain('hasOwnProperty');
      }),
      { numRuns: 300 },
    );
    expect(readReplay({ [REPLAYED]: '2026-11-21T10:00:00.000Z v1.x' })).toEqual({
      at: Date.parse('2026-11-21T10:00:00.000Z'),
      text: '2026-11-21T10:00:00.000Z',
      signature: 'v1.x',
    });
  });
});
