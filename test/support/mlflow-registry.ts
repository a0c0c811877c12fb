import {
  type LoggedModel,
  type MetricValue,
  type ModelRegistry,
  type ModelVersion,
  RegistryError,
  type Run,
} from '../../src/model-ready/registry/registry.ts';

type Values = Readonly<Record<string, number | readonly Partial<MetricValue>[]>>;

/** A registry that is told what it has, as a server answers for it: a stand-in where a real one would be asked much. */
export function createFakeRegistry() {
  const runs = new Map<string, Run>();
  const models = new Map<string, LoggedModel>();
  const versions = new Map<string, ModelVersion>();
  const modelTags = new Map<string, ReadonlyMap<string, string>>();
  const histories = new Map<string, readonly MetricValue[]>();
  let time = 0;

  function find<Found>(map: ReadonlyMap<string, Found>, key: string): Found {
    const found = map.get(key);
    if (found === undefined) throw new RegistryError('NotFound', `no ${key}`);
    return found;
  }
  const registry: ModelRegistry = {
    isComplete: true,
    run: async (id) => find(runs, id),
    history: async (id, metric) => histories.get(`${id} ${metric}`) ?? [],
    loggedModel: async (id) => find(models, id),
    modelVersion: async (name, version) => find(versions, `${name}/${version}`),
    registeredModel: async (name) => ({ name, tags: modelTags.get(name) ?? new Map() }),
    alias: async (name, alias) =>
      [...versions.values()].find((one) => one.name === name && one.aliases.includes(alias)),
  };
  const valuesOf = (id: string | undefined, values: Values): LoggedModel['metrics'] =>
    new Map(
      Object.entries(values).map(([metric, given]) => [
        metric,
        (typeof given === 'number' ? [{ value: given }] : given).map((one) => ({
          value: 0,
          step: 0,
          timestamp: ++time,
          runId: id,
          ...one,
        })),
      ]),
    );
  return {
    registry,
    run(
      id: string,
      tags: Readonly<Record<string, string>> = {},
      changes: Partial<Run> = {},
      values: Values = {},
    ) {
      const metrics = [...valuesOf(id, values)].flatMap(([metric, all]) => {
        const last = all.at(-1);
        return last === undefined ? [] : [[metric, last] as const];
      });
      runs.set(id, {
        id,
        status: 'FINISHED',
        deleted: false,
        metrics: new Map(metrics),
        tags: new Map(Object.entries(tags)),
        loggedModels: [],
        datasets: [],
        ...changes,
      });
    },
    model(id: string, runId: string, values: Values, changes: Partial<LoggedModel> = {}) {
      const metrics = valuesOf(runId, values);
      models.set(id, {
        id,
        name: id,
        status: 'LOGGED_MODEL_READY',
        runId,
        metrics,
        tags: new Map(),
        ...changes,
      });
    },
    version(name: string, number: string, changes: Partial<ModelVersion>): ModelVersion {
      const version = { name, version: number, status: 'READY', tags: new Map(), aliases: [], ...changes };
      versions.set(`${name}/${number}`, version);
      return version;
    },
    tags(name: string, tags: Readonly<Record<string, string>>) {
      modelTags.set(name, new Map(Object.entries(tags)));
    },
    history(runId: string, metric: string, values: readonly MetricValue[]) {
      histories.set(`${runId} ${metric}`, values);
    },
  };
}
