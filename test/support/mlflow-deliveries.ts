import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A delivery of a real MLflow server's webhook. */
export interface RecordedDelivery {
  /** `model_version.created`, … */
  readonly event: string;
  readonly headers: Readonly<Record<string, string>>;
  /** To the byte. */
  readonly body: string;
}

/** What the recorded deliveries are signed with. */
export const MLFLOW_SECRET = 'mlf-loopback-test-secret-0001';

/** All of them, in the order they came. */
export function recordedDeliveries(): RecordedDelivery[] {
  return JSON.parse(
    readFileSync(new URL('../fixtures/mlflow-webhooks/deliveries.json', import.meta.url), 'utf8'),
  );
}

/** When a delivery was signed, in ms. */
export function signedAt({ headers }: RecordedDelivery): number {
  return Number(headers['X-MLflow-Timestamp']) * 1_000;
}

/** The same event as MLflow would deliver it under another id, time or secret, or with another body. */
export function signAnew(
  { event, headers, body }: RecordedDelivery,
  {
    secret = MLFLOW_SECRET,
    id = headers['X-MLflow-Delivery-Id'] ?? '',
    atMs = Date.now(),
    body: signed = body,
  }: { secret?: string; id?: string; atMs?: number; body?: string } = {},
): RecordedDelivery {
  const timestamp = String(Math.floor(atMs / 1_000));
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${signed}`).digest('base64');
  return {
    event,
    headers: {
      ...headers,
      'X-MLflow-Delivery-Id': id,
      'X-MLflow-Timestamp': timestamp,
      'X-MLflow-Signature': `v1,${signature}`,
    },
    body: signed,
  };
}

/** A delivery as a function URL hands it to its function. */
export function asFunctionUrlEvent({ headers, body }: RecordedDelivery, { base64 = false } = {}) {
  return {
    version: '2.0',
    rawPath: '/',
    requestContext: { http: { method: 'POST', path: '/' } },
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: base64 ? Buffer.from(body).toString('base64') : body,
    isBase64Encoded: base64,
  };
}
