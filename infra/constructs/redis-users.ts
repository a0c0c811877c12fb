import { Arn, ArnFormat, Stack } from 'aws-cdk-lib';
import { CfnUser, CfnUserGroup } from 'aws-cdk-lib/aws-elasticache';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { accessRules, type Role } from '../../src/transport/redis-streams/access.ts';

export const ROLES: readonly Role[] = ['publish', 'consume', 'relay', 'operate'];

export interface RedisUsersProps {
  /** What all keys begin with, and the users' names. */
  readonly prefix: string;
}

/**
 * A user for each role, limited to the commands that its part of the driver makes and to the keys of the prefix.
 * Nobody has a password: whoever may connect proves it by IAM.
 */
export class RedisUsers extends Construct {
  readonly group: CfnUserGroup;

  constructor(scope: Construct, id: string, { prefix }: RedisUsersProps) {
    super(scope, id);
    const users = ROLES.map((role) => {
      const name = userName(prefix, role);
      return new CfnUser(this, role, {
        engine: 'valkey',
        // IAM authentication asks for both to be the same.
        userId: name,
        userName: name,
        accessString: `on ${accessRules(role, prefix)}`,
        authenticationMode: { Type: 'iam' },
      });
    });
    this.group = new CfnUserGroup(this, 'Group', {
      engine: 'valkey',
      userGroupId: elastiCacheName(prefix),
      userIds: users.map(({ userId }) => userId),
    });
    for (const user of users) this.group.addResourceDependency(user);
  }
}

/** The user of a role: `hikyaku-dev-consume`. */
export function userName(prefix: string, role: Role): string {
  return `${elastiCacheName(prefix)}-${role}`;
}

/** A name that ElastiCache takes: no `_`, no two `-` in a row, a letter first. */
export function elastiCacheName(prefix: string): string {
  const name = prefix.replaceAll(/[_-]+/g, '-').replace(/-$/, '');
  return /^[a-z]/.test(name) ? name : `h-${name}`;
}

/** What it takes to connect as the user of a role to a cache, by the resource of its ARN: `replicationgroup:NAME`. */
export function mayConnect(scope: Construct, prefix: string, role: Role, cache: string): PolicyStatement {
  const arn = (resource: string): string =>
    Arn.format({ service: 'elasticache', resource, arnFormat: ArnFormat.NO_RESOURCE_NAME }, Stack.of(scope));
  return new PolicyStatement({
    actions: ['elasticache:Connect'],
    resources: [arn(cache), arn(`user:${userName(prefix, role)}`)],
  });
}
