import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineMessage } from './contract.ts';
import { deriveId } from './id.ts';
import { InvalidName, prefixName, subscriptionName, topicName } from './names.ts';

describe('names', () => {
  it('takes what the grammar allows', () => {
    expect(topicName('model_ready_to_deploy')).toBe('model_ready_to_deploy');
    expect(topicName('a'.repeat(40))).toHaveLength(40);
    expect(subscriptionName('deploy-2')).toBe('deploy-2');
    expect(prefixName('0')).toBe('0');
  });

  it.each(['', '_a', '-a', 'A', 'a b', 'a.b', '..', 'a/b', 'a:b', '{a}', 'a*', 'é', 'a'.repeat(41)])(
    'refuses %j as a topic',
    (name) => {
      expect(() => topicName(name)).toThrow(InvalidName);
      expect(() => topicName(name)).toThrow(/expected 1 to 40 characters/);
    },
  );

  it('refuses what is too long for a subscription or prefix', () => {
    expect(() => subscriptionName('a'.repeat(17))).toThrow(/1 to 16/);
    expect(() => prefixName('a'.repeat(17))).toThrow(/1 to 16/);
  });

  it('never lets a name leave its folder or key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        try {
          topicName(name);
        } catch {
          return;
        }
        expect(name).toMatch(/^[a-z0-9_-]+$/);
      }),
    );
  });
});

describe('a contract', () => {
  const schema = {
    '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
  } as const;

  it('has a good name and a whole version', () => {
    expect(defineMessage({ name: 'x', version: 3, schema }).dataschema).toBe('urn:hikyaku:x:3');
    expect(() => defineMessage({ name: 'X', version: 1, schema })).toThrow(InvalidName);
    for (const version of [0, -1, 1.5, Number.NaN]) {
      expect(() => defineMessage({ name: 'x', version, schema })).toThrow(RangeError);
    }
  });
});

describe('a derived id', () => {
  it('is a UUIDv8, the same for the same parts and another for others', () => {
    expect(deriveId(['a', 'b'])).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
        expect(deriveId(one) === deriveId(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
    expect(deriveId(['ab', 'c'])).not.toBe(deriveId(['a', 'bc']));
  });
});
