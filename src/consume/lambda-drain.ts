import type { Config } from '../config/define-config.ts';
import { findSubscription } from '../config/find.ts';
import { inLambda, logEvents } from '../observe/json-log.ts';
import { openRedisTransport } from '../transport/open-redis.ts';
import { transportUrl } from '../transport/schemes.ts';
import { createDrain, type Drain } from './drain.ts';
import type { Handler } from './handler.ts';

/**
 * A Lambda function that drains a subscription when it is invoked, on a schedule: for Redis, which Lambda has no
 * event source for. Everything from the config, the server from `TRANSPORT_URL`. In Lambda, what happens is
 * logged as JSON lines. Bundled, it carries the Redis driver and no other.
 *
 * @example
 * export const handler = lambdaDrain(config, 'order_placed/mail', sendMail);
 */
export function lambdaDrain<Data>(config: Config, name: string, handler: Handler<Data>): Drain {
  if (inLambda()) logEvents();
  return createDrain({
    found: findSubscription(config, name),
    handler,
    openTransport: async () => openRedisTransport(transportUrl(), config),
  });
}
