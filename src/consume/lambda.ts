import type { Config } from '../config/define-config.ts';
import { subscriptionNamed } from '../config/named.ts';
import { inLambda } from '../in-lambda.ts';
import { logEvents } from '../observe/json-log.ts';
import { measured } from '../observe/measured.ts';
import { signingKeysFrom } from '../signing/signing-keys.ts';
import type { Handler } from './handler.ts';
import { createSqsEventHandler, type SqsEventHandler } from './sqs-event.ts';

/**
 * The Lambda function of a subscription: everything from the config, the carrier from `TRANSPORT_URL`. In
 * Lambda, what happens is logged as JSON lines, and measured where `METRICS_PREFIX` is set. Only signed messages are
 * handled where `HIKYAKU_SIGNING_KEY` asks for that: see `signingKeysFrom`.
 *
 * @example
 * export const handler = lambdaConsumer(config, 'order_placed/mail', sendMail);
 *
 * @throws InvalidConfig when the config has no such subscription, or the topic alone names several.
 */
export function lambdaConsumer<Data>(config: Config, name: string, handler: Handler<Data>): SqsEventHandler {
  if (inLambda()) logEvents();
  const consume = createSqsEventHandler({
    found: subscriptionNamed(config, name),
    handler,
    signingKeys: signingKeysFrom(process.env),
    openTransport: async () => {
      const { transportUrl } = await import('../transport/schemes.ts');
      const { openTransport } = await import('../transport/url.ts');
      return openTransport(transportUrl(), config);
    },
  });
  return measured(consume);
}
