import { Webhook } from 'standardwebhooks';
import { CANARY_WEBHOOK_SECRET } from '../support/canary.ts';
import { serveHttp } from '../support/http-server.ts';

/** Stands for the platform that models are deployed to. */
export interface Receiver {
  readonly url: string;
  /** What its requests must be signed with. */
  readonly secret: string;
  /** Models it answers 422 to, by name, until they are taken off. */
  readonly refused: Set<string>;
  /** Models it answers 409 to, as `iris-species 2`: it has a newer deployment of them. */
  readonly newer: Set<string>;
  /** What was deployed, sorted: `iris-species 2`, once for each id. */
  deployed(): string[];
  /** Forgets it. */
  clear(): void;
  stop(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const secret = CANARY_WEBHOOK_SECRET;
  const webhook = new Webhook(secret);
  const refused = new Set<string>();
  const newer = new Set<string>();
  const deployed = new Map<string, string>();
  const { url, stop } = await serveHttp(({ headers, body }, response) => {
    const answer = (status: number): void => void response.writeHead(status).end();
    const header = (name: string): string => String(headers[name] ?? '');
    try {
      webhook.verify(body, {
        'webhook-id': header('webhook-id'),
        'webhook-timestamp': header('webhook-timestamp'),
        'webhook-signature': header('webhook-signature'),
      });
    } catch {
      answer(401);
      return;
    }
    const { data } = JSON.parse(body);
    if (refused.has(data.model_name)) {
      answer(422);
      return;
    }
    const model = `${data.model_name} ${data.model_version}`;
    if (newer.has(model)) {
      answer(409);
      return;
    }
    deployed.set(header('webhook-id'), model);
    answer(204);
  });
  return {
    url,
    secret,
    refused,
    newer,
    deployed: () => [...deployed.values()].toSorted(),
    clear: () => deployed.clear(),
    stop,
  };
}
