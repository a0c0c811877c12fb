import { randomBytes, randomUUID } from 'node:crypto';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { Webhook } from 'standardwebhooks';
import * as z from 'zod/mini';
import { appendLine, takeUpLines } from './ndjson.ts';

/** Plays the platform that models are deployed to: takes Standard Webhooks, once each. */
export interface Platform {
  readonly url: string;
  /** What its webhooks must be signed with: `whsec_…`. */
  readonly secret: string;
  /** Names this run of it: see {@link isRunning}. */
  readonly instance: string;
  /** Ids of the webhooks it has refused, also before a restart. */
  readonly refused: ReadonlySet<string>;
  stop(): Promise<void>;
}

export interface PlatformOptions {
  /** Where it keeps what it has decided, one JSON object a line, so that a restart remembers. */
  readonly file: string;
  /** Answers 503 to this version until it has taken that one of the same model, and to that one the first time. */
  readonly busy: { readonly model_name: string; readonly model_version: string; readonly until: string };
  /** Answers 422 to this model, always. */
  readonly refuses: { readonly model_name: string };
}

type Decision = 'deployed' | 'busy' | 'refused';

/** Where {@link isRunning} asks. */
const INSTANCE = '/instance';
const TAKES = '/deployments';

/** Starts the platform on a free port of the loopback interface. */
export async function startPlatform({ file, busy, refuses }: PlatformOptions): Promise<Platform> {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const webhook = new Webhook(secret);
  const deployed = new Set<string>();
  const refused = new Set<string>();
  /** Versions of the model that it is busy with, by what became of them. */
  const busyWith: Record<Decision, Set<string>> = {
    deployed: new Set(),
    busy: new Set(),
    refused: new Set(),
  };

  function count(id: string, decision: Decision, model: Model): void {
    if (decision === 'deployed') deployed.add(id);
    if (decision === 'refused') refused.add(id);
    if (model.model_name === busy.model_name) busyWith[decision].add(model.model_version);
  }

  for (const { id, decision, ...model } of takeUpLines(file, Remembered)) count(id, decision, model);

  function decide(id: string, model: Model): Decision {
    if (deployed.has(id)) return 'deployed';
    if (model.model_name === refuses.model_name) return 'refused';
    return isBusyFor(model) ? 'busy' : 'deployed';
  }

  /** However messages arrive, the better version is deployed while the other one is tried again. */
  function isBusyFor({ model_name, model_version }: Model): boolean {
    if (model_name !== busy.model_name) return false;
    if (model_version === busy.model_version) return !busyWith.deployed.has(busy.until);
    return model_version === busy.until && !busyWith.busy.has(busy.until);
  }

  function remember(id: string, decision: Decision, model: Model): void {
    // Kept before it is answered: what was answered must not be forgotten by a crash.
    if (!deployed.has(id)) appendLine(file, { id, decision, ...model });
    count(id, decision, model);
  }

  const app = new Hono();
  const instance = randomUUID();
  app.get(INSTANCE, (context) => context.text(instance));
  app.post(TAKES, async (context) => {
    const body = await context.req.text();
    const id = context.req.header('webhook-id') ?? '';
    try {
      webhook.verify(body, {
        'webhook-id': id,
        'webhook-timestamp': context.req.header('webhook-timestamp') ?? '',
        'webhook-signature': context.req.header('webhook-signature') ?? '',
      });
    } catch {
      return context.json({ error: 'the signature does not fit' }, 401);
    }
    const deployment = Deployment.safeParse(JSON.parse(body));
    if (!deployment.success)
      return context.json({ error: 'data.model_name and data.model_version expected' }, 400);
    const model = deployment.data.data;
    const decision = decide(id, model);
    remember(id, decision, model);
    if (decision === 'refused') return context.json({ error: 'this model may not be deployed here' }, 422);
    if (decision === 'busy') return context.json({ error: 'busy' }, 503);
    return context.json({ deployed: model });
  });

  const server = await new Promise<ServerType>((resolve) => {
    const listening = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () => resolve(listening));
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}${TAKES}`,
    secret,
    instance,
    refused,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

/** Whether that very instance still answers, whatever has become of its process's number. */
export async function isRunning(platform: Pick<Platform, 'url' | 'instance'>): Promise<boolean> {
  try {
    const answer = await fetch(new URL(INSTANCE, platform.url), { signal: AbortSignal.timeout(1_000) });
    return (await answer.text()) === platform.instance;
  } catch {
    return false;
  }
}

const Deployment = z.object({ data: z.object({ model_name: z.string(), model_version: z.string() }) });
type Model = z.infer<typeof Deployment>['data'];

const Remembered = z.object({
  id: z.string(),
  decision: z.enum(['deployed', 'busy', 'refused']),
  model_name: z.string(),
  model_version: z.string(),
});
