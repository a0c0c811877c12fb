import {
  FlowLogDestination,
  FlowLogTrafficType,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Role as IamRole, PolicyDocument, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct, type IConstruct } from 'constructs';
import type { Role } from '../../src/transport/redis-streams/access.ts';

export interface RedisNetworkProps {
  /** A way out, for functions that call somebody: a NAT gateway. */
  readonly egress: 'none' | 'nat';
}

/** Where Valkey listens. */
export const REDIS_PORT = 6379;
/** Where Valkey Serverless listens for those who only read. */
const READER_PORT = 6380;

/** A VPC of two zones for Redis and those who use it, with a security group for each role. */
export class RedisNetwork extends Construct {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  /** Of the cache: it lets in the roles, and nobody else. */
  readonly cache: SecurityGroup;
  readonly roles: Readonly<Record<Role, ISecurityGroup>>;

  constructor(scope: Construct, id: string, { egress }: RedisNetworkProps) {
    super(scope, id);
    const nat = egress === 'nat';
    this.subnets = { subnetType: nat ? SubnetType.PRIVATE_WITH_EGRESS : SubnetType.PRIVATE_ISOLATED };
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.0.0.0/24'),
      maxAzs: 2,
      natGateways: nat ? 1 : 0,
      subnetConfiguration: [
        { name: 'inside', subnetType: this.subnets.subnetType ?? SubnetType.PRIVATE_ISOLATED, cidrMask: 26 },
        ...(nat ? [{ name: 'outside', subnetType: SubnetType.PUBLIC, cidrMask: 28 }] : []),
      ],
      // Nobody is in the default group; to empty it would take a function with rights of its own.
      restrictDefaultSecurityGroup: false,
    });
    this.#logRefused(vpc);
    this.vpc = asVpc(vpc);

    const group = (name: string, description: string): SecurityGroup =>
      new SecurityGroup(this, name, { vpc: this.vpc, description, allowAllOutbound: false });
    this.cache = group('Cache', 'The cache: lets in publishers, consumers and operators');
    const role = (name: Role): SecurityGroup => {
      const own = group(name, `Who may ${name} on the cache`);
      for (const port of [REDIS_PORT, READER_PORT]) {
        this.cache.addIngressRule(own, Port.tcp(port), `from those who ${name}`);
        // By addresses: a rule that names a group stands beside the group, and leaves the one in that opens all.
        own.addEgressRule(Peer.ipv4(this.vpc.vpcCidrBlock), Port.tcp(port), 'to the cache');
      }
      if (nat) own.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'to platforms and registries');
      return own;
    };
    this.roles = {
      publish: role('publish'),
      consume: role('consume'),
      relay: role('relay'),
      operate: role('operate'),
    };
  }

  /** Only what is refused: all that flows would cost more than the cache. */
  #logRefused(vpc: Vpc): void {
    const log = new LogGroup(this, 'Refused', { retention: RetentionDays.ONE_MONTH });
    const role = new IamRole(this, 'FlowLog', {
      assumedBy: new ServicePrincipal('vpc-flow-logs.amazonaws.com'),
      inlinePolicies: {
        log: new PolicyDocument({
          statements: [
            new PolicyStatement({
              actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
              resources: [log.logGroupArn],
            }),
          ],
        }),
      },
    });
    vpc.addFlowLog('FlowLog', {
      destination: FlowLogDestination.toCloudWatchLogs(log, role.withoutPolicyUpdates()),
      trafficType: FlowLogTrafficType.REJECT,
    });
  }
}

/** The library's class says less exactly than its interface what may be undefined. */
function asVpc(vpc: IConstruct): IVpc {
  const isVpc = (one: IConstruct): one is IVpc => one instanceof Vpc;
  if (isVpc(vpc)) return vpc;
  throw new TypeError(`${vpc.node.path} is no VPC`);
}
