import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { call } from './aws.ts';
import { testDestruction, testFlows, testOperation } from './flows.ts';
import { deploySystem, PATIENCE, PREFIX, type System } from './system.ts';

describe('deployed on SQS, it', () => {
  let system: System;
  beforeAll(async () => {
    system = await deploySystem({
      context: {},
      transportUrl: `sqs://${inject('localstack').AWS_REGION}?prefix=${PREFIX}`,
    });
  });
  afterAll(() => system?.stop());

  it('does not alarm as long as there are no dead letters', async () => {
    // What an earlier run measured counts for some minutes.
    await vi.waitFor(async () => expect(await alarm()).toBe('OK'), { ...PATIENCE, timeout: 400_000 });
  }, 410_000);

  testFlows(() => system);
  testOperation(() => system);

  it('alarms as long as there are some', async () => {
    await vi.waitFor(async () => expect(await alarm()).toBe('ALARM'), { ...PATIENCE, timeout: 200_000 });
  }, 210_000);

  testDestruction(() => system);
});

/** The state of the alarm about what was not deployed. */
async function alarm(): Promise<string | undefined> {
  const { MetricAlarms } = await call<{ MetricAlarms: readonly Alarm[] }>(
    'monitoring',
    'GraniteServiceVersion20100801.DescribeAlarms',
    {},
  );
  const dead = `Dead letters stand in ${PREFIX}-model_ready_to_deploy-deploy-dlq`;
  return MetricAlarms.find(({ AlarmDescription }) => AlarmDescription.startsWith(dead))?.StateValue;
}

interface Alarm {
  readonly AlarmDescription: string;
  readonly StateValue: string;
}
