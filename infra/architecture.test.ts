import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Token } from 'aws-cdk-lib';
import { CfnAlarm, CfnCompositeAlarm, CfnDashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnNatGateway } from 'aws-cdk-lib/aws-ec2';
import { CfnReplicationGroup } from 'aws-cdk-lib/aws-elasticache';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { CfnEventSourceMapping, CfnFunction, CfnUrl } from 'aws-cdk-lib/aws-lambda';
import { CfnTopic } from 'aws-cdk-lib/aws-sns';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import { describe, expect, it } from 'vitest';
import config from '../hikyaku.config.ts';
import { type Config, subscriptionsOf } from '../src/config/define-config.ts';
import { ROOT } from './bundles/functions.ts';
import { buildTestApp, stacksOf } from './test-config.ts';

const [onSqs = '', onRedis = ''] = readFileSync(join(ROOT, 'docs/explanation/architecture.md'), 'utf8')
  .split('```mermaid')
  .slice(1)
  .map((text) => text.split('```')[0] ?? '');

interface Drawn {
  /** `<kind> <name>`. */
  readonly things: string[];
  /** `<name> --> <name>`. */
  readonly arrows: string[];
}

/** What a picture shows; what has no kind, as those outside, is not ours. */
function drawn(picture: string): Drawn {
  const names = new Map<string, string>();
  const things = Array.from(picture.matchAll(/subgraph \w+\["(.+?)"\]/g), ([, name]) => `stack ${name}`);
  const nodes = picture.matchAll(/(\w+)[[({/]+"([^"]+)"[\])}/]+(?::::(\w+))?/g);
  for (const [, id = '', name = '', kind] of nodes) {
    if (kind !== undefined) things.push(`${kind} ${name}`);
    names.set(id, name);
  }
  const nameOf = (id = ''): string => names.get(id) ?? `${id}, which stands nowhere`;
  const arrows: string[] = [];
  // Without what nodes look like, each line is a chain of ids.
  for (const line of picture.replaceAll(/[[({/]+"[^"]+"[\])}/]+(?::::\w+)?/g, '').split('\n')) {
    const [, from, alarms] = line.match(/(\w+) -\.->\|"(.+)"\| sns/) ?? [];
    if (alarms) {
      const subject = nameOf(from).replace('/', '-').replace(/-dlq$/, '');
      things.push(...alarms.split(', ').map((alarm) => `alarm ${subject}-${alarm}`));
      continue;
    }
    const chain = line.split(/ -->(?:\|.+?\|)? /).map((id) => nameOf(id.trim()));
    for (const [index, to] of chain.slice(1).entries()) arrows.push(`${chain[index]} --> ${to}`);
  }
  return { things: things.sort(), arrows };
}

/** What the stacks have. */
function built(definition: Config, context: Readonly<Record<string, string>>): Drawn {
  const things: string[] = definition.topics.map(({ name }) => `topic ${name}`);
  const arrows: string[] = [];
  const subscriptions = subscriptionsOf(definition).map(({ address }) => address);
  if (context['transport'] === 'redis') {
    for (const { topic, subscription } of subscriptions) {
      things.push(`subscription ${topic}/${subscription}`);
      arrows.push(`${topic} --> ${topic}/${subscription}`);
      arrows.push(`${topic}/${subscription} --> ${topic}-${subscription}`);
    }
  } else {
    for (const { topic, subscription } of subscriptions) arrows.push(`${topic} --> ${topic}-${subscription}`);
  }
  for (const stack of stacksOf(buildTestApp(definition, context))) {
    const short = (name = ''): string => name.replace(`hikyaku-${context['stage']}-`, '');
    things.push(`stack ${short(stack.stackName)}`);
    for (const resource of stack.node.findAll()) {
      const [, owner = '', id = ''] = resource.node.path.split('/');
      for (const name of namesOf(resource, owner, id, short)) {
        things.push(name);
        // What invokes a function belongs to it.
        const [, kind, source] = name.match(/^(url|rule) (.+)/) ?? [];
        if (kind) arrows.push(`${source} --> ${owner}`);
      }
      if (resource instanceof CfnEventSourceMapping) arrows.push(`${owner} --> ${owner}`);
    }
  }
  return { things: things.sort(), arrows };
}

function namesOf(one: IConstruct, owner: string, id: string, short: (name?: string) => string): string[] {
  if (one instanceof CfnFunction) return [`function ${owner}`];
  if (one instanceof CfnUrl) return [`url ${one.authType}`];
  if (one instanceof CfnRule) return [`rule ${one.scheduleExpression ?? id}`];
  if (one instanceof CfnQueue) {
    // One that nobody has to find is named by CloudFormation.
    return [`queue ${Token.isUnresolved(one.queueName) ? id : short(one.queueName)}`];
  }
  if (one instanceof CfnAlarm) return [`alarm ${id}`];
  if (one instanceof CfnCompositeAlarm) return [`watch ${id}`];
  if (one instanceof CfnTopic) return ['watch SNS topic'];
  if (one instanceof CfnDashboard) return ['watch dashboard'];
  if (one instanceof CfnNatGateway) return ['egress NAT gateway'];
  if (one instanceof CfnReplicationGroup) {
    const nodes = 1 + (one.replicasPerNodeGroup ?? 0);
    return Array.from({ length: nodes }, (_, index) => `node node-${index + 1}`);
  }
  return [];
}

const webhookSecret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:mlflow-AbCdEf';
const withEgress: Config = { ...config, deployment: { redis: { egress: 'nat' } } };

describe.each([
  ['SQS', onSqs, config, { stage: 'prod', webhookSecret }],
  ['Redis', onRedis, withEgress, { stage: 'prod', transport: 'redis', webhookSecret }],
])('the picture on %s', (_, picture, definition, context) => {
  const real = built(definition, context);

  it('names all that there is, and nothing else', () => {
    expect(drawn(picture).things).toEqual(real.things);
  });

  it('shows who invokes whom', () => {
    expect(drawn(picture).arrows).toEqual(expect.arrayContaining(real.arrows));
    expect(drawn(picture).arrows.join()).not.toContain('stands nowhere');
  });
});
