import type { Decoded, Fields } from '../../dialects/dialect.ts';
import { list, text } from '../../redis/replies.ts';
import type { Headers } from '../../transport.ts';
import { RedisReceipt } from '../receipt.ts';

/** One delivery of an entry of others: its fields, which its dead letter has as well. */
export class NativeReceipt extends RedisReceipt {
  readonly fields: Fields;
  constructor(
    fields: Fields,
    place: string,
    token: string | undefined,
    owner: string,
    { id, headers }: Decoded,
    leaseUntil: number,
  ) {
    super(place, token, owner, { id, headers }, leaseUntil);
    this.fields = fields;
  }
}

export function fieldsOf(reply: unknown): Fields {
  return list(reply).map(text);
}

/** What an entry says, and what was said of it since. */
export function withHeaders(decoded: Decoded, headers: Headers): Decoded {
  return {
    ...decoded,
    headers: { ...decoded.headers, ...headers },
  };
}
