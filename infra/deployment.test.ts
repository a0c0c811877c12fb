import { describe, expect, it } from 'vitest';
import { InvalidConfig } from '../src/config/define-config.ts';
import { accountOf, completeDeployment, DEFAULT_THRESHOLDS } from './deployment.ts';

describe('the deployment', () => {
  it('fills in what is left out', () => {
    expect(completeDeployment()).toEqual({
      encryption: 'sqs',
      redis: { egress: 'none', nodeType: 'cache.m7g.large', replicas: 1, drainEveryMinutes: 1 },
      alarms: { thresholds: DEFAULT_THRESHOLDS },
    });
    expect(
      completeDeployment({ alarms: { email: 'ops@example.com', thresholds: { oldestMinutes: 5 } } }).alarms,
    ).toEqual({ email: 'ops@example.com', thresholds: { ...DEFAULT_THRESHOLDS, oldestMinutes: 5 } });
  });

  it.each<[object, string]>([
    [{ encryption: 'kmz' }, 'deployment.encryption is "kmz" (did you mean kms?): expected sqs or kms'],
    [{ redis: { egress: 'igw' } }, 'deployment.redis.egress is "igw": expected none or nat'],
    [
      { redis: { nodeType: 'cache.t4g.small' } },
      'deployment.redis.nodeType is "cache.t4g.small": expected one that',
    ],
    [{ redis: { replicas: 0 } }, 'deployment.redis.replicas is 0: expected a whole number from 1 to 5'],
    [{ alarms: { email: 'ops' } }, 'deployment.alarms.email is "ops": expected an e-mail address'],
    [
      { alarms: { thresholds: { memoryPercent: 101 } } },
      'deployment.alarms.thresholds.memoryPercent is 101: expected a number from 0 to 100',
    ],
    [
      { alarms: { thresholds: { oldestMinuts: 1 } } },
      'thresholds.oldestMinuts is not an option (did you mean',
    ],
    [{ alarm: {} }, 'deployment.alarm is not an option (did you mean alarms?)'],
  ])('names the path to what cannot be: %j', (wrong, message) => {
    const act = () => completeDeployment(wrong);
    expect(act).toThrow(InvalidConfig);
    expect(act).toThrow(message);
  });
});

describe('where a stage is deployed to', () => {
  const prod = { account: '123456789012', region: 'eu-west-1' };

  it('is left to the credentials where no stage is named', () => {
    expect(accountOf('prod')).toBeUndefined();
    expect(accountOf('prod', { encryption: 'kms' })).toBeUndefined();
  });

  it('is the account of the stage', () => {
    expect(accountOf('prod', { stages: { prod } })).toEqual(prod);
  });

  it.each<[object, string]>([
    [{}, 'deployment.stages.prod is missing: expected the account of prod, as {'],
    [{ dev: prod }, 'deployment.stages.prod is missing'],
    [{ prd: prod }, 'deployment.stages.prd is not an option (did you mean prod?)'],
    [
      { prod: { ...prod, account: '1234' } },
      'deployment.stages.prod.account is "1234": expected the twelve digits of an AWS account',
    ],
    [{ prod: { ...prod, region: 'europe' } }, 'deployment.stages.prod.region is "europe": expected an AWS'],
    [{ prod: { ...prod, zone: 'a' } }, 'deployment.stages.prod.zone is not an option'],
  ])('names the path to what cannot be: %j', (stages, message) => {
    const act = () => accountOf('prod', { stages });
    expect(act).toThrow(InvalidConfig);
    expect(act).toThrow(message);
  });
});
