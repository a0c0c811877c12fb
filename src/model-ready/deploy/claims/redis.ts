import { createConnection, createSendingConnection } from '../../../transport/redis/connection.ts';
import { text } from '../../../transport/redis/replies.ts';
import { defineScript } from '../../../transport/redis/script.ts';
import type { ServerOptions } from '../../../transport/redis/server-options.ts';
import { type ClaimStore, claimKey } from './store.ts';

export interface RedisClaimsOptions extends ServerOptions {
  /** Before each key. */
  readonly prefix: string;
}

const FIELD = 'record';

/** A field of a hash, because users who consume have rights to no other kind of key. */
const WRITE = defineScript(`
local found = redis.call('HGET', KEYS[1], '${FIELD}')
if (found or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], '${FIELD}', ARGV[1])
return 1
`);

/**
 * Keeps claims in Redis, in a hash for each model: `<prefix>:deployed:<model>`. The revision is the text itself. With
 * `waitReplicas` a write counts when so many replicas have it.
 */
export function createRedisClaims({ prefix, ...server }: RedisClaimsOptions): ClaimStore {
  const connection = createConnection(server);
  const sending = createSendingConnection(server, connection);
  const keyOf = (model: string): string => `${prefix}:deployed:${claimKey(model)}`;
  return {
    async read(model) {
      const key = keyOf(model);
      const found = await connection.at(key).call('HGET', key, FIELD);
      return found === null ? undefined : { text: text(found), revision: text(found) };
    },
    async write(model, record, revision) {
      return (await sending.run(WRITE, [keyOf(model)], [record, revision ?? ''])) === 1;
    },
    close() {
      connection.close();
      sending.close();
    },
  };
}
