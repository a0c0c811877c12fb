import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import config from '../hikyaku.config.ts';
import { ASSUMED, costTable, type Standing } from '../scripts/cost.ts';
import { ROOT } from './bundles/functions.ts';
import { buildTestApp, stacksOf } from './test-config.ts';

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

function standing(context: Readonly<Record<string, string>>): Standing {
  const resources = stacksOf(buildTestApp(config, context)).flatMap((stack) =>
    Object.values<Resource>(Template.fromStack(stack).toJSON()['Resources']),
  );
  const of = (type: string) => resources.filter(({ Type }) => Type === type);
  const schedules = of('AWS::Events::Rule').map(({ Properties }) => Properties?.['ScheduleExpression']);
  // One that counts with several metrics is billed for each.
  const alarmMetrics = of('AWS::CloudWatch::Alarm').map(
    (alarm) => JSON.stringify(alarm).match(/"MetricStat":/g)?.length ?? 1,
  );
  const cache = of('AWS::ElastiCache::ServerlessCache').length ? 'serverless' : 'nodes';
  return {
    alarmMetrics: alarmMetrics.reduce((sum, one) => sum + one, 0),
    compositeAlarms: of('AWS::CloudWatch::CompositeAlarm').length,
    dashboards: of('AWS::CloudWatch::Dashboard').length,
    polledQueues: of('AWS::Lambda::EventSourceMapping').length,
    drains: schedules.filter((rate) => rate === 'rate(1 minute)').length,
    cache: context['transport'] === 'redis' ? cache : 'none',
  };
}

test('the table of costs is what the templates and the prices make', () => {
  const table = costTable({
    sqs: standing({}),
    redisDev: standing({ transport: 'redis' }),
    redisProd: standing({ transport: 'redis', stage: 'prod' }),
  });
  expect(readFileSync(join(ROOT, 'docs/how-to/deploy.md'), 'utf8')).toContain(table);
});

test('consumers have the memory that is assumed', () => {
  const sizes = stacksOf(buildTestApp(config)).flatMap((stack) =>
    Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'))
      .filter(({ Properties }) => /^Consumes/.test(Properties.Description))
      .map(({ Properties }) => Properties.MemorySize / 1024),
  );
  expect(sizes).toEqual([ASSUMED.consumerGib, ASSUMED.consumerGib]);
});
