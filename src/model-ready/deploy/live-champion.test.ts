import { expect, test } from 'vitest';
import { announcementOf } from '../../../test/support/announcements.ts';
import { createFakeRegistry } from '../../../test/support/mlflow-registry.ts';
import { RegistryError } from '../registry/registry.ts';
import { liveChampion } from './live-champion.ts';

/** A registry whose champion, version 3, has these values of accuracy. */
function registryWith(accuracy: Parameters<ReturnType<typeof createFakeRegistry>['model']>[2][string]) {
  const registered = createFakeRegistry();
  registered.run('r3');
  registered.model('m-3', 'r3', { accuracy });
  registered.version('churn', '3', { modelId: 'm-3', runId: 'r3', aliases: ['champion'] });
  return registered.registry;
}

const test1 = { name: 'test', digest: '1' };
const train = { name: 'train', digest: '1' };

test('its value now, from its logged model', async () => {
  expect(await liveChampion(registryWith(0.95), undefined, announcementOf('4'))).toEqual({
    version: '3',
    value: 0.95,
  });
});

test('its value on the dataset of the announcement', async () => {
  const registry = registryWith([
    { value: 0.8, dataset: test1 },
    { value: 0.99, dataset: train },
  ]);
  const on = (dataset: string) => liveChampion(registry, {}, announcementOf('4', { dataset }));
  expect(await on('test@1')).toEqual({ version: '3', value: 0.8 });
  expect(await on('train')).toEqual({ version: '3', value: 0.99 });
  expect(await on('holdout')).toEqual({ version: '3' });
});

test.each([
  ['another metric', 0.9, { metric_name: 'rmse' }],
  ['an infinite value', Number.MAX_VALUE, {}],
  ['no number', Number.NaN, {}],
])('%s cannot be compared', async (_, value, changes) => {
  expect(await liveChampion(registryWith(value), {}, announcementOf('4', changes))).toEqual({ version: '3' });
});

test('is not looked up where it is announced itself', async () => {
  const registered = createFakeRegistry();
  registered.version('churn', '3', { aliases: ['champion'] });
  expect(await liveChampion(registered.registry, {}, announcementOf('3'))).toEqual({ version: '3' });
});

test('there is none', async () => {
  expect(await liveChampion(createFakeRegistry().registry, {}, announcementOf('4'))).toBeUndefined();
});

test('is not compared with where the policy says so', async () => {
  const policies = { 'chu*': { baselines: 'stated' } } as const;
  expect(await liveChampion(registryWith(0.95), policies, announcementOf('4'))).toBeUndefined();
  expect(
    await liveChampion(registryWith(0.95), { other: policies['chu*'] }, announcementOf('4')),
  ).toBeDefined();
});

test('a registry that is away is said', async () => {
  const { registry } = createFakeRegistry();
  const away = new RegistryError('Unavailable', 'MLflow cannot be reached');
  const alias = () => Promise.reject(away);
  await expect(liveChampion({ ...registry, alias }, {}, announcementOf('4'))).rejects.toBe(away);
});
