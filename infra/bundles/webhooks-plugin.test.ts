import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, it, onTestFinished } from 'vitest';
import { bundleLambdas } from './bundle.ts';
import { ROOT } from './functions.ts';

const AT = new Date('2026-11-21T12:00:00Z');

it('what standardwebhooks signs in a bundle is what it signs outside, without its own HMAC', async () => {
  // Where the package is found from.
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'dist/webhooks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const entry = join(folder, 'entry.js');
  writeFileSync(entry, `export { Webhook } from 'standardwebhooks';`);
  const [bundle] = await bundleLambdas([{ name: 'webhooks', entry }], folder);
  const bundled: { Webhook: typeof Webhook } = await import(pathToFileURL(bundle?.module ?? '').href);
  expect(bundle?.total.bytes).toBeLessThan(5 * 1024);

  const signed = (library: typeof Webhook, secret: string, body: string): string => {
    try {
      return new library(secret).sign('msg', AT, body);
    } catch {
      return 'refused';
    }
  };
  const secrets = [
    '',
    'whsec_',
    'x',
    'YWE',
    'YWE=',
    'YQ',
    'YQ==',
    'YQ=',
    'Y Q==',
    'YWFh',
    'whsec_YWFh',
    'a-_b',
    '====',
  ];
  for (const secret of secrets) {
    expect(signed(bundled.Webhook, secret, 'body'), secret).toBe(signed(Webhook, secret, 'body'));
  }
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 80 }),
      fc.string({ unit: 'grapheme' }),
      (key, body) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        expect(signed(bundled.Webhook, secret, body)).toBe(signed(Webhook, secret, body));
      },
    ),
  );
});
