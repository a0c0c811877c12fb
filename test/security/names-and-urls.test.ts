import { sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { defineConfig, InvalidConfig, type TopicDefinition } from '../../src/config/define-config.ts';
import { findSubscription } from '../../src/config/find.ts';
import { defineMessage } from '../../src/message/contract.ts';
import { InvalidName, prefixName, subscriptionName, topicName } from '../../src/message/names.ts';
import { TransportError } from '../../src/transport/errors.ts';
import { createDirectory } from '../../src/transport/file/directory.ts';
import { acceptedAt, formatName, isHidden, parseName, stemOf } from '../../src/transport/file/entry-name.ts';
import { fileOptions } from '../../src/transport/file/open.ts';
import { queueNames } from '../../src/transport/names.ts';
import { queueKeys } from '../../src/transport/redis-list/keys.ts';
import { subscriptionKeys } from '../../src/transport/redis-streams/keys.ts';
import { describeUrl, InvalidTransportUrl } from '../../src/transport/schemes.ts';
import { openTransport } from '../../src/transport/url.ts';
import { anyText, FUZZ_TIMEOUT, fuzz, mutated, nastyKey } from '../support/fuzz.ts';

const TOPOLOGY = { prefix: 'hikyaku', topics: [] };

const nameLike = fc.oneof(
  anyText,
  nastyKey,
  mutated(fc.constantFrom('model_ready_to_deploy', 'a-b', '0', 'x'.repeat(40))),
  fc.constantFrom('..', '.', 'a/b', 'a\\b', 'a\n', 'a\0', '{a}', 'a*', 'a:b', 'ａ', 'a\u0301', 'ı'),
);

const attempted = <Value>(make: () => Value): Value | undefined => {
  try {
    return make();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidName);
    return undefined;
  }
};

describe('names', () => {
  it(
    'lead to one queue, one folder and keys of one tag, and nowhere else',
    () =>
      fuzz(
        fc.property(nameLike, nameLike, nameLike, (prefix, topic, subscription) => {
          const names = attempted(
            () => [prefixName(prefix), topicName(topic), subscriptionName(subscription)] as const,
          );
          if (names === undefined) return;
          const address = { topic, subscription };
          const queues = attempted(() => queueNames(prefix, address, true));
          for (const name of Object.values(queues ?? {})) expect(name).toMatch(/^[a-z0-9_-]{1,75}\.fifo$/);
          for (const keys of [subscriptionKeys(prefix, address), queueKeys(prefix, address)]) {
            for (const key of Object.values(keys)) {
              expect(key.startsWith(`${prefix}:{${topic}}:`)).toBe(true);
              expect(key.match(/[{}]/g)).toHaveLength(2);
            }
          }
          const topics = [
            {
              name: topic,
              ordered: false,
              subscriptions: [{ name: subscription, leaseMs: 1, maxDeliveries: 1 }],
            },
          ];
          const directory = attempted(() =>
            createDirectory({ prefix, topics }, { root: '/r', layout: 'nested', retentionMs: 0 }),
          );
          for (const folder of Object.values(directory?.at(address).folders ?? {})) {
            expect(folder.split(sep).slice(0, 4)).toEqual(['', 'r', topic, subscription]);
          }
        }),
        500,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'of files stay one name in their folder, whatever others call theirs',
    () =>
      fuzz(
        fc.property(
          fc.oneof(anyText, mutated(fc.constant('1700000000000+30000.2.0123456789-a1~report.json'))).filter(
            // What a folder can list.
            (name) =>
              name !== '' &&
              name !== '.' &&
              name !== '..' &&
              !/[/\0]/.test(name) &&
              Buffer.byteLength(name) < 256,
          ),
          (name) => {
            acceptedAt(name);
            // Nobody touches those.
            if (isHidden(name)) return;
            const parsed = parseName(name);
            const taken = formatName({
              stem: stemOf(parsed?.stem ?? name),
              at: 1_700_000_000_000,
              span: 999_999_999,
              deliveries: 999_999,
              token: `${'f'.repeat(10)}-${'z'.repeat(9)}`,
            });
            expect(taken).not.toMatch(/[/\0]/);
            expect(Buffer.byteLength(taken)).toBeLessThan(256);
            expect(parseName(taken)?.stem).toBe(stemOf(parsed?.stem ?? name));
          },
        ),
        500,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'of a config are refused, or found again',
    () => {
      const loadHandler = async () => ({ default: () => undefined });
      return fuzz(
        fc.property(nameLike, nameLike, nameLike, fc.anything(), (prefix, name, subscription, retry) => {
          const schema = z.unknown();
          const contract = defineMessage({ name: 'any', version: 1, schema });
          const attempts = typeof retry === 'number' ? { maxAttempts: retry } : {};
          const definition: TopicDefinition = {
            name,
            contract,
            subscriptions: Object.fromEntries([
              [subscription, { loadHandler, retry: attempts, lambda: { entry: 'x.ts' } }],
            ]),
          };
          try {
            const config = defineConfig({ prefix, topics: [definition] });
            expect(findSubscription(config, `${name}/${subscription}`).address).toEqual({
              topic: name,
              subscription,
            });
          } catch (error) {
            expect(error instanceof InvalidName || error instanceof InvalidConfig).toBe(true);
          }
        }),
        500,
      );
    },
    FUZZ_TIMEOUT,
  );
});

const PASSWORD = 'canary-4711-canary';
const urls = fc.constantFrom(
  `redis://:${PASSWORD}@localhost:6379/0?retention=24h&maxDepth=10&blocking=false`,
  `rediss://user:${PASSWORD}@cache.example.com?iam=replicationgroup:cache`,
  `redis+list://user:${PASSWORD}@localhost:6379?queue=q&processing=p&dlq=d`,
  `redis://user:${PASSWORD}@one?sentinels=two,three:26380&master=m&sentinelPassword=${PASSWORD}`,
  `redis://user:${PASSWORD}@one?cluster=true&nodes=two,three`,
  `redis://:${PASSWORD}@localhost?dialect=event-bus`,
  `sqs://user:${PASSWORD}@127.0.0.1:4566?region=eu-west-1`,
);
const insertion = fc.oneof(
  fc.constantFrom(
    '%',
    '%zz',
    '#',
    '@',
    ':',
    '/',
    '?',
    '&',
    '=',
    '//',
    ' ',
    '\n',
    '[',
    ']',
    '\\',
    '%00',
    '%2f',
  ),
  fc.string({ maxLength: 4 }),
);
/** A slip of whoever writes one: the password stays in one piece. */
const slips = fc
  .tuple(urls, fc.array(fc.tuple(fc.nat(), insertion, fc.boolean()), { minLength: 1, maxLength: 3 }))
  .map(([url, changes]) =>
    changes.reduce<string>((now, [where, text, cut]) => {
      const pieces = now.split(PASSWORD);
      const index = where % pieces.length;
      const piece = pieces[index] ?? '';
      const at = where % (piece.length + 1);
      pieces[index] = piece.slice(0, at) + text + piece.slice(at + (cut ? 1 : 0));
      return pieces.join(PASSWORD);
    }, url),
  )
  // Where no @ follows, or neither stands where it should, the password is a host.
  .filter((url) => url.lastIndexOf('@') > url.indexOf(PASSWORD))
  .filter((url) => url.includes(`:${PASSWORD}`) || url.includes(`${PASSWORD}@`));

async function opened(text: string): Promise<void> {
  try {
    await (await openTransport(text, TOPOLOGY)).close();
  } catch (error) {
    expect(
      error instanceof InvalidTransportUrl || error instanceof InvalidName || error instanceof TransportError,
      `${error}`,
    ).toBe(true);
    expect(String(error)).not.toContain('4711');
  }
  try {
    expect(describeUrl(text)).not.toContain('4711');
  } catch (error) {
    expect(error instanceof InvalidTransportUrl || error instanceof InvalidName).toBe(true);
    expect(String(error)).not.toContain('4711');
  }
}

describe('a transport URL', () => {
  it(
    'opens, or is refused with a sentence, whatever it is',
    () =>
      fuzz(
        fc.asyncProperty(fc.oneof(anyText, mutated(urls), fc.webUrl()), async (text) => {
          if (/^\s*file:/i.test(text)) return;
          try {
            await (await openTransport(text, TOPOLOGY)).close();
          } catch (error) {
            expect(
              error instanceof InvalidTransportUrl ||
                error instanceof InvalidName ||
                error instanceof TransportError,
              `${error}`,
            ).toBe(true);
          }
        }),
        300,
        10,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'never has its password in the sentence, however it is misspelled',
    () => fuzz(fc.asyncProperty(slips, opened), 300, 10),
    FUZZ_TIMEOUT,
  );

  it(
    'names an absolute folder, or none',
    () => {
      const paths = fc.oneof(
        mutated(
          fc.constantFrom(
            'file:///var/mq?retention=7d',
            'file:///a/../b/./c',
            'file:///a%2e%2e/b',
            'file:///%2e%2e/etc',
          ),
        ),
        anyText.map((text) => `file:///${text}`),
      );
      return fuzz(
        fc.property(paths, (text) => {
          const url = URL.parse(text);
          if (url === null) return;
          try {
            const { root } = fileOptions(text, url);
            expect(root).toMatch(/^\//);
            expect(root.split('/')).not.toContain('..');
            expect(root).not.toContain('\0');
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidTransportUrl);
          }
        }),
        300,
      );
    },
    FUZZ_TIMEOUT,
  );
});
