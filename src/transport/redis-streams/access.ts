/** What a program may do on Redis; who relays consumes, and publishes what follows from it. */
export type Role = 'publish' | 'consume' | 'relay' | 'operate';

/** What every script is run by, or asks first. */
const SCRIPTS = '+evalsha +eval +time +exists';

const CONSUME =
  '+set +del +xlen +xrange +xreadgroup +xack +xclaim +xpending +xdel +xtrim +xinfo|stream +xinfo|groups +xinfo|consumers +xgroup|create +xgroup|delconsumer +hget +hmget +hgetall +hset +hdel +hincrby +zadd +zrem +zrange +zrangebyscore +zcard +zcount +multi +exec +client|unblock';

/** Who publishes may broadcast, too; and who consumes may listen, on a connection that says so now and then. */
const NOTIFY = '+publish +spublish';
const LISTEN = '+ping +subscribe +unsubscribe +ssubscribe +sunsubscribe';

/** The commands that the scripts of each role make, as docs/how-to/redis.md lists them. */
const COMMANDS: Readonly<Record<Role, string>> = {
  publish: `+xlen +xadd +xinfo|stream +xinfo|groups +hlen +hset +hincrby +zadd ${NOTIFY}`,
  consume: `${CONSUME} ${LISTEN}`,
  relay: `${CONSUME} +xadd +hlen ${NOTIFY} ${LISTEN}`,
  operate:
    '+xrange +xpending +xdel +xinfo|stream +xinfo|groups +xinfo|consumers +xgroup|create +hget +hmget +hgetall +hset +hdel +hincrby +zadd +zrem +zscore +zcard +zcount +zrangebyscore',
};

/**
 * The rules of a user of this role, as `ACL SETUSER` takes them after its name and password: limited to the keys and
 * channels of the prefix. What only `warnings` asks for is left out, for some servers take no user who may ask it.
 */
export function accessRules(role: Role, prefix: string): string {
  const channels = role === 'operate' ? '' : ` &${prefix}:*`;
  const rules = `resetchannels ~${prefix}:* -@all ${SCRIPTS} ${COMMANDS[role]}${channels}`;
  return role === 'consume' ? `${rules} (~${prefix}:*:dead +xadd)` : rules;
}
