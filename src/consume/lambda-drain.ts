import type { Config } from '../config/define-config.ts';
import { findSubscription } from '../config/find.ts';
import { inLambda, logEvents } from '../observe/json-log.ts';
import { createDrain, type Drain } from './drain.ts';
import type { Handler } from './handler.ts';

/**
 * A Lambda function that drains a subscription when it is invoked, on a schedule: for carriers that Lambda has no
 * event source for. Everything from the config, the carrier from `TRANSPORT_URL`. In Lambda, what happens is
 * logged as JSON lines.
 *
 * @example
 * export const handler = lambdaDrain(config, 'order_placed/mail', sendMail);
 */
export function lambdaDrain<Data>(config: Config, name: string, handler: Handler<Data>): Drain {
  if (inLambda()) logEvents();
  return createDrain({
    found: findSubscription(config, name),
    handler,
    openTransport: async () => {
      const { openTransport, transportUrl } = await import('../transport/url.ts');
      return openTransport(transportUrl(), config);
    },
  });
}
