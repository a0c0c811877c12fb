import { createHmac, timingSafeEqual } from 'node:crypto';
import { pythonJson } from './python-json.ts';

/** What is signed of a message, as the fields of its entry say it; `timestamp` as Python writes a float. */
export interface Signed {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly type: string;
  /** JSON. */
  readonly payload: string;
  readonly timestamp: string;
}

/** HMAC-SHA256 in hex, over the parts one after the other and the payload with its names in order. */
export function sign(secret: string, { id, from, to, type, payload, timestamp }: Signed): string {
  return createHmac('sha256', secret)
    .update(`${id}${from}${to}${type}${pythonJson(payload, { sorted: true })}${timestamp}`)
    .digest('hex');
}

export function isSigned(secret: string, signed: Signed, signature: string): boolean {
  const [expected, given] = [Buffer.from(sign(secret, signed)), Buffer.from(signature)];
  return expected.length === given.length && timingSafeEqual(expected, given);
}
