import type { Config } from '../config/define-config.ts';
import { subscriptionNamed } from '../config/named.ts';
import { inLambda } from '../in-lambda.ts';
import { logEvents } from '../observe/json-log.ts';
import { measured } from '../observe/measured.ts';
import { signingKeysFrom } from '../signing/signing-keys.ts';
import { openRedisTransport } from '../transport/open-redis.ts';
import { transportUrl } from '../transport/schemes.ts';
import { createDrain, type Drain } from './drain.ts';
import type { Handler } from './handler.ts';

/**
 * A Lambda function that drains a subscription when it is invoked, on a schedule: for Redis, which Lambda has no
 * event source for. Everything from the config, the server from `TRANSPORT_URL`. In Lambda, what happens is
 * logged as JSON lines, and measured where `METRICS_PREFIX` is set. What the config names and the server does not
 * have is created. Only signed messages are handled where `HIKYAKU_SIGNING_KEY` asks for that: see `signingKeysFrom`.
 * Bundled, it carries the Redis driver and no other.
 *
 * @example
 * export const handler = lambdaDrain(config, 'order_placed/mail', sendMail);
 *
 * @throws InvalidConfig when the config has no such subscription, or the topic alone names several.
 */
export function lambdaDrain<Data>(config: Config, name: string, handler: Handler<Data>): Drain {
  if (inLambda()) logEvents();
  const drain = createDrain({
    found: subscriptionNamed(config, name),
    handler,
    signingKeys: signingKeysFrom(process.env),
    async openTransport() {
      const transport = await openRedisTransport(transportUrl(), config);
      try {
        // So that a new subscription is there within one round of the schedule, by no rights but a consumer's.
        await transport.provision();
      } catch (error) {
        await transport.close();
        throw error;
      }
      return transport;
    },
  });
  return measured(drain);
}
