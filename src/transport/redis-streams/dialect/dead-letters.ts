import type { StreamSystem } from '../../dialects/systems.ts';
import { encodeFrame } from '../../redis/frame.ts';
import { text } from '../../redis/replies.ts';
import type { Letters } from '../dead-letters.ts';
import { DeadLetterReceipt } from '../receipt.ts';
import { fieldsOf, withHeaders } from './native.ts';
import { RELEASE_FIELDS, REPLAY_FIELDS, SCAN_FIELDS } from './scripts.ts';

/** Dead letters as others store them, theirs among ours. What is replayed goes to one subscription, as it was sent. */
export function dialectLetters({ dialect }: StreamSystem): Letters {
  return {
    scan: SCAN_FIELDS,
    replay: REPLAY_FIELDS,
    release: RELEASE_FIELDS,

    letter([id, fields], topic) {
      const place = text(id);
      const { native, headers: added } = dialect.undead(fieldsOf(fields));
      const { id: messageId, body, headers } = withHeaders(dialect.decode(native, { topic }), added);
      const receipt = new DeadLetterReceipt(place, native);
      return { id: messageId, body, headers, enqueuedAt: Number.parseInt(place, 10), receipt };
    },

    again: ({ id }, { fields }, headers) => [
      encodeFrame({ id, headers }),
      JSON.stringify(dialect.replay(fields, { headers, now: Date.now() })),
    ],
  };
}
