import { openOnce } from '../transport/open-once.ts';
import type { Handler } from './handler.ts';

/**
 * A handler that is loaded with the first message, not when a Lambda function starts. If loading fails, the message has
 * failed, and the next one loads it again.
 */
export function handlerLater<Data>(load: () => Promise<Handler<Data>>): Handler<Data> {
  const handler = openOnce(load);
  return async (message, context) => (await handler())(message, context);
}
