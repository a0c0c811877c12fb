import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HttpRequest } from '../../publish/http-request.ts';
import type { Secrets } from '../../secrets/secrets.ts';

/** What a webhook of MLflow has delivered, once it is certain that it has. */
export interface Delivery {
  /** The same for each time that MLflow tries to deliver it. */
  readonly id: string;
  readonly body: Buffer;
}

/** A request that is not a delivery of the MLflow server whose secret is known. */
export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';
}

/** A delivery of an event is some hundred bytes; its tags and description may be long. */
export const MOST_DELIVERY_BYTES = 262_144;
/** How far the time of a delivery may be from now. MLflow signs it once, and repeats it for some seconds. */
const WINDOW_S = 300;

/**
 * Takes what MLflow signed with one of the secrets, over the very bytes that it sent, within the last 5 minutes.
 * When none fits they are fetched again, at most once a minute.
 *
 * @param now In ms.
 * @throws BadRequest with 413 when the body is too large.
 * @throws DeliveryRefused, in words that may be told to whoever asks.
 * @throws SecretUnavailable
 */
export async function readDelivery(request: HttpRequest, secrets: Secrets, now: number): Promise<Delivery> {
  const body = request.body(MOST_DELIVERY_BYTES);
  const id = request.header('x-mlflow-delivery-id');
  const timestamp = request.header('x-mlflow-timestamp');
  const signature = request.header('x-mlflow-signature');
  if (!id || !timestamp || !signature) {
    throw new DeliveryRefused(
      'not signed: expected X-MLflow-Signature, X-MLflow-Delivery-Id and X-MLflow-Timestamp',
    );
  }
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1_000 - Number(timestamp)) > WINDOW_S) {
    throw new DeliveryRefused(`X-MLflow-Timestamp is not a time within ${WINDOW_S} s of now`);
  }
  const [, claimed = ''] = /^v1,([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/.exec(signature) ?? [];
  const given = Buffer.from(claimed, 'base64');
  const fits = (accepted: readonly string[]): boolean => {
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
    // All are tried, whichever fits: how long it takes says nothing.
    return accepted.filter((secret) => isSignedWith(secret, signed, given)).length > 0;
  };
  if (given.length > 0) {
    if (fits(await secrets.current())) return { id, body };
    const renewed = await secrets.renewed();
    if (renewed !== undefined && fits(renewed)) return { id, body };
  }
  throw new DeliveryRefused('X-MLflow-Signature does not fit');
}

function isSignedWith(secret: string, signed: Buffer, given: Buffer): boolean {
  const expected = createHmac('sha256', secret).update(signed).digest();
  return expected.length === given.length && timingSafeEqual(expected, given);
}
