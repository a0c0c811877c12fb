import { readFileSync } from 'node:fs';
import { afterEach, expect, it, vi } from 'vitest';
import config from '../../../hikyaku.config.ts';
import { emitFunction } from './emit-function.ts';

const evaluation: unknown = JSON.parse(readFileSync('examples/evaluations/churn-predictor.v7.json', 'utf8'));

afterEach(() => vi.unstubAllEnvs());

it('the emit function tries again at the next invocation to open what could not be opened', async () => {
  const handler = emitFunction(config);
  const emit = () => Promise.resolve(Reflect.apply(handler, undefined, [evaluation, {}]));
  vi.stubEnv('TRANSPORT_URL', '');
  await expect(emit()).rejects.toThrow('TRANSPORT_URL is not set');
  vi.stubEnv('TRANSPORT_URL', 'memory:');
  expect(await emit()).toMatchObject({ announced: [{ model_name: 'churn-predictor' }] });
});
