import {
  Annotations,
  CfnOutput,
  Fn,
  RemovalPolicies,
  RemovalPolicy,
  Stack,
  type StackProps,
  Validations,
} from 'aws-cdk-lib';
import {
  CfnParameterGroup,
  CfnReplicationGroup,
  CfnServerlessCache,
  CfnSubnetGroup,
} from 'aws-cdk-lib/aws-elasticache';
import type { Construct } from 'constructs';
import type { Role } from '../src/transport/redis-streams/access.ts';
import type { CacheMetrics } from './constructs/cache-alarms.ts';
import { REDIS_PORT, RedisNetwork } from './constructs/redis-network.ts';
import { elastiCacheName, mayConnect, RedisUsers, ROLES, userName } from './constructs/redis-users.ts';
import type { Deployment } from './deployment.ts';
import type { RedisAccess, RedisPlace } from './redis-access.ts';
import type { Stage } from './stage.ts';

export interface RedisStackProps extends StackProps {
  readonly prefix: string;
  readonly stage: Stage;
  readonly options: Deployment['redis'];
}

interface Cache {
  /** As the last part of its ARN. */
  readonly resource: string;
  readonly host: string;
  readonly port: string;
  readonly metrics: CacheMetrics;
  readonly options: string;
}

/** Kept by no disk: what `dev` has must be said where it is seen. */
const LOSSY =
  'dev runs on Valkey Serverless, which keeps no log: a failure of it loses messages. Use prod for what must not be lost';

/** What keeps state on Redis: in `prod` a group of Valkey that keeps what it acknowledged, in `dev` a serverless one. */
export class RedisStack extends Stack implements RedisPlace {
  readonly metrics: CacheMetrics;
  readonly #network: RedisNetwork;
  readonly #cache: Cache;
  readonly #prefix: string;

  constructor(scope: Construct, id: string, { prefix, stage, options, ...props }: RedisStackProps) {
    super(scope, id, props);
    const prod = stage === 'prod';
    this.#prefix = prefix;
    // All of it: a cache that stays needs its network and its users.
    RemovalPolicies.of(this).apply(prod ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY);
    this.#network = new RedisNetwork(this, 'Network', { egress: options.egress });
    const { group } = new RedisUsers(this, 'Users', { prefix });
    this.#cache = prod ? this.#durable(group.ref, options) : this.#serverless(group.ref);
    this.metrics = this.#cache.metrics;
    for (const role of ROLES) {
      new CfnOutput(this, `TransportUrl-${role}`, {
        description: `TRANSPORT_URL of programs that ${role}, in the VPC, with the right to connect`,
        value: this.access(role).transportUrl,
      });
    }
  }

  /** By CloudFormation: for an account that is named, the library would ask AWS while it synthesizes. */
  override get availabilityZones(): string[] {
    return [0, 1].map((zone) => Fn.select(zone, Fn.getAzs()));
  }

  access(role: Role): RedisAccess {
    const { host, port, resource, options } = this.#cache;
    const { vpc, subnets, roles } = this.#network;
    const prefix = this.#prefix;
    return {
      transportUrl: `rediss://${userName(prefix, role)}@${host}:${port}?prefix=${prefix}&iam=${resource}${options}`,
      statements: [mayConnect(this, prefix, role, resource)],
      network: { vpc, subnets, securityGroup: roles[role] },
    };
  }

  #durable(userGroup: string, { nodeType, replicas }: Deployment['redis']): Cache {
    const subnets = new CfnSubnetGroup(this, 'Subnets', {
      description: 'Where the cache stands',
      subnetIds: this.#network.vpc.selectSubnets(this.#network.subnets).subnetIds,
    });
    const parameters = new CfnParameterGroup(this, 'Parameters', {
      cacheParameterGroupFamily: 'valkey9',
      description: 'A full cache refuses publishes, instead of losing messages',
      properties: { 'cluster-enabled': 'yes', 'maxmemory-policy': 'noeviction' },
    });
    const group = new CfnReplicationGroup(this, 'Messages', {
      replicationGroupDescription: 'Messages: keeps what it acknowledged',
      engine: 'valkey',
      engineVersion: '9.0',
      cacheNodeType: nodeType,
      cacheParameterGroupName: parameters.ref,
      cacheSubnetGroupName: subnets.ref,
      securityGroupIds: [this.#network.cache.securityGroupId],
      port: REDIS_PORT,
      // A topic is in one shard, for all its keys have one hash tag. The driver follows one shard.
      clusterMode: 'enabled',
      numNodeGroups: 1,
      replicasPerNodeGroup: replicas,
      automaticFailoverEnabled: true,
      multiAzEnabled: true,
      durability: 'sync',
      atRestEncryptionEnabled: true,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
      userGroupIds: [userGroup],
      autoMinorVersionUpgrade: true,
      snapshotRetentionLimit: 7,
    });
    Validations.of(group).acknowledge({
      id: 'AwsSolutions::AwsSolutions-AEC6',
      reason: 'Its users have no passwords: they prove themselves by IAM, each with rights of its own.',
    });
    return {
      resource: `replicationgroup:${group.ref}`,
      host: group.attrConfigurationEndPointAddress,
      port: String(REDIS_PORT),
      metrics: {
        kind: 'nodes',
        nodeIds: Array.from({ length: replicas + 1 }, (_, index) => `${group.ref}-0001-00${index + 1}`),
      },
      options: '',
    };
  }

  #serverless(userGroup: string): Cache {
    Annotations.of(this).addWarningV2('hikyaku:lossy', LOSSY);
    const name = `${elastiCacheName(this.#prefix)}-messages`;
    const cache = new CfnServerlessCache(this, 'Messages', {
      serverlessCacheName: name,
      description: 'Messages: lossy, for it keeps no log',
      engine: 'valkey',
      majorEngineVersion: '8',
      securityGroupIds: [this.#network.cache.securityGroupId],
      subnetIds: this.#network.vpc.selectSubnets(this.#network.subnets).subnetIds,
      userGroupId: userGroup,
    });
    return {
      resource: `serverlesscache:${name}`,
      host: cache.attrEndpointAddress,
      port: cache.attrEndpointPort,
      metrics: { kind: 'serverless', name },
      // Whether it allows reads that block is not documented.
      options: '&blocking=false',
    };
  }
}
