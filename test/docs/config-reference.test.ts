import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { completeDeployment } from '../../infra/deployment.ts';
import { configReference } from '../../scripts/config-reference.ts';
import { defineConfig, topic } from '../../src/config/define-config.ts';
import { Ping } from '../support/ping.ts';

const FILE = new URL('../../docs/reference/config.md', import.meta.url);

test('docs/reference/config.md is fresh (else: npm run config-reference)', () => {
  expect(readFileSync(FILE, 'utf8')).toBe(configReference());
});

test('the defaults it names are those there are', () => {
  const loadHandler = async () => ({ default: () => undefined });
  const config = defineConfig({
    topics: [topic(Ping, { test: { loadHandler, lambda: { entry: 'x.ts' } } })],
  });
  const { retry, lambda, handlerTimeoutMs } = config.topics[0]?.subscriptions[0] ?? {};
  const { redis, alarms, encryption } = completeDeployment();
  const { entry: _, timeoutMs: __, filters: ___, ...invoked } = { ...lambda };
  const { prefix } = config;
  const real = { prefix, handlerTimeoutMs, encryption, ...retry, ...invoked, ...redis, ...alarms.thresholds };

  const rows = readFileSync(FILE, 'utf8').matchAll(/^\| `(\w+)` \|.*\| `?([^|`]*?)`? \|$/gm);
  const named = new Map(Array.from(rows, ([, name = '', text = '']) => [name, text] as const));
  for (const [name, value] of Object.entries(real)) {
    // A number may be followed by what it means.
    const text = named.get(name) ?? '';
    const said = typeof value === 'number' ? Number(text.match(/^[\d,]+/)?.[0].replaceAll(',', '')) : text;
    expect({ [name]: said }).toEqual({ [name]: value });
  }
});
