import { App } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { completeDeployment } from './deployment.ts';
import { RedisStack } from './redis-stack.ts';
import type { Stage } from './stage.ts';

function redisStack(stage: Stage, redis: Parameters<typeof completeDeployment>[0] = {}): RedisStack {
  const { redis: options } = completeDeployment(redis);
  return new RedisStack(new App(), 'test', { prefix: 'my_app-x', stage, options });
}

/** A rule must stand in a group, or CloudFormation puts in one that opens all. */
const SHUT = expect.objectContaining({ CidrIp: '255.255.255.255/32' });
const TO_CACHE = [6379, 6380].map((port) =>
  expect.objectContaining({
    CidrIp: { 'Fn::GetAtt': [expect.any(String), 'CidrBlock'] },
    FromPort: port,
    ToPort: port,
  }),
);

describe('the Redis stack of prod', () => {
  let template: Template;
  beforeAll(() => {
    template = Template.fromStack(redisStack('prod', { redis: { replicas: 2 } }));
  });

  it('keeps what it acknowledged, in a cluster over several zones, behind TLS', () => {
    template.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      Engine: 'valkey',
      EngineVersion: '9.0',
      ClusterMode: 'enabled',
      NumNodeGroups: 1,
      ReplicasPerNodeGroup: 2,
      MultiAZEnabled: true,
      AutomaticFailoverEnabled: true,
      Durability: 'sync',
      TransitEncryptionEnabled: true,
      TransitEncryptionMode: 'required',
      AtRestEncryptionEnabled: true,
      AuthToken: Match.absent(),
      UserGroupIds: [Match.anyValue()],
    });
    template.hasResourceProperties('AWS::ElastiCache::ParameterGroup', {
      CacheParameterGroupFamily: 'valkey9',
      Properties: { 'maxmemory-policy': 'noeviction' },
    });
  });

  it('stays, with all it needs, when its stack goes', () => {
    for (const type of ['ReplicationGroup', 'User', 'UserGroup', 'SubnetGroup', 'ParameterGroup']) {
      template.allResources(`AWS::ElastiCache::${type}`, { DeletionPolicy: 'Retain' });
    }
    template.allResources('AWS::EC2::VPC', { DeletionPolicy: 'Retain' });
    template.allResources('AWS::EC2::SecurityGroup', { DeletionPolicy: 'Retain' });
  });

  it('has a user for each role, known by IAM, limited to its commands and the prefix', () => {
    template.resourceCountIs('AWS::ElastiCache::User', 4);
    template.allResourcesProperties('AWS::ElastiCache::User', {
      Engine: 'valkey',
      AuthenticationMode: { Type: 'iam' },
      AccessString: Match.stringLikeRegexp('^on resetchannels ~my_app-x:\\* -@all \\+'),
    });
    for (const role of ['publish', 'consume', 'relay', 'operate']) {
      const name = `my-app-x-${role}`;
      template.hasResourceProperties('AWS::ElastiCache::User', { UserId: name, UserName: name });
    }
    // What ElastiCache forbids to all, it takes in no list.
    const users = Object.values(template.findResources('AWS::ElastiCache::User'));
    for (const { Properties } of users) expect(Properties.AccessString).not.toMatch(/\+config|\+@|allkeys/);
  });

  it('lets in the roles, and nobody else; and them nowhere else', () => {
    const groups = template.findResources('AWS::EC2::SecurityGroup');
    const roles = Object.keys(groups).filter((id) => /Network(publish|consume|relay|operate)/.test(id));
    expect(roles).toHaveLength(4);
    const ingress = Object.values(template.findResources('AWS::EC2::SecurityGroupIngress'));
    expect(ingress.map(({ Properties }) => Properties.FromPort).sort()).toEqual([
      6379, 6379, 6379, 6379, 6380, 6380, 6380, 6380,
    ]);
    for (const { Properties } of ingress) {
      expect(roles).toContain(Properties.SourceSecurityGroupId['Fn::GetAtt'][0]);
    }
    for (const [id, { Properties }] of Object.entries(groups)) {
      expect(Properties.SecurityGroupIngress).toBeUndefined();
      expect(Properties.SecurityGroupEgress).toEqual(id.startsWith('NetworkCache') ? [SHUT] : TO_CACHE);
    }
  });

  it('has two zones and no way out', () => {
    template.resourceCountIs('AWS::EC2::Subnet', 2);
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
    template.resourceCountIs('AWS::EC2::InternetGateway', 0);
    template.hasResourceProperties('AWS::EC2::FlowLog', { TrafficType: 'REJECT' });
  });

  it('has one NAT gateway, where asked for, and lets the roles call out by TLS', () => {
    const out = Template.fromStack(redisStack('prod', { redis: { egress: 'nat' } }));
    out.resourceCountIs('AWS::EC2::NatGateway', 1);
    const groups = Object.entries(out.findResources('AWS::EC2::SecurityGroup'));
    for (const [id, { Properties }] of groups) {
      const open = expect.objectContaining({ CidrIp: '0.0.0.0/0', FromPort: 443, ToPort: 443 });
      const expected = id.startsWith('NetworkCache') ? [SHUT] : [...TO_CACHE, open];
      expect(Properties.SecurityGroupEgress).toEqual(expected);
    }
  });

  it('says where each role connects, as whom, and by what right', () => {
    const stack = redisStack('prod');
    const { statements } = stack.access('consume');
    expect(stack.resolve(statements.map((one) => one.toStatementJson()))).toMatchObject([
      {
        Action: 'elasticache:Connect',
        Resource: [
          { 'Fn::Join': ['', expect.arrayContaining([expect.stringMatching(/:replicationgroup:$/)])] },
          { 'Fn::Join': ['', expect.arrayContaining([expect.stringMatching(/:user:my-app-x-consume$/)])] },
        ],
      },
    ]);
    expect(JSON.stringify(stack.resolve(stack.access('publish').transportUrl))).toMatch(
      /rediss:\/\/my-app-x-publish@.*ConfigurationEndPoint.*:6379\?prefix=my_app-x&iam=replicationgroup:/,
    );
    expect(stack.resolve(stack.metrics)).toMatchObject({ kind: 'nodes', nodeIds: { length: 2 } });
  });
});

it('the Redis stack of dev is serverless, says that it may lose messages, and goes with its stack', () => {
  const stack = redisStack('dev');
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::ElastiCache::ReplicationGroup', 0);
  template.hasResource('AWS::ElastiCache::ServerlessCache', {
    Properties: {
      Engine: 'valkey',
      ServerlessCacheName: 'my-app-x-messages',
      Description: Match.stringLikeRegexp('lossy'),
    },
    DeletionPolicy: 'Delete',
  });
  Annotations.fromStack(stack).hasWarning('*', Match.stringLikeRegexp('loses messages'));
  expect(JSON.stringify(stack.resolve(stack.access('consume').transportUrl))).toContain('&blocking=false');
});
