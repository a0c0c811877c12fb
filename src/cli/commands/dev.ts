import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Command } from 'commander';
import type { Config } from '../../config/define-config.ts';
import { loadConfig } from '../../config/load.ts';
import { readExamples } from '../../dev/examples.ts';
import { lockFolder } from '../../dev/folder-lock.ts';
import { replayRefused } from '../../dev/replay-refused.ts';
import { findRunning, openRunState, type RunState, stateFolder } from '../../dev/run-state.ts';
import { untilSettled } from '../../dev/settled.ts';
import { type System, startSystem } from '../../dev/system.ts';
import { observeModels } from '../../model-ready/events.ts';
import { observe } from '../../observe/events.ts';
import { listDeadLetters } from '../../operate/dead-letters.ts';
import { readStatus } from '../../operate/status.ts';
import { fixedSecrets } from '../../secrets/secrets.ts';
import { secretsFrom } from '../../secrets/secrets-from.ts';
import type { Listening } from '../../serve/listen.ts';
import { SIGNING_KEY } from '../../signing/signing-keys.ts';
import { pause } from '../../time/backoff.ts';
import { describeUrl, parseTransportUrl } from '../../transport/schemes.ts';
import { type Account, createAccount } from '../account.ts';
import { BadInput } from '../exit.ts';
import { paint, printJson } from '../output.ts';
import { onStopSignals } from '../stop-signals.ts';
import { deadLetterTable } from './dlq.ts';
import { statusTable } from './status.ts';

/** What the local platform does to the example models, so that all outcomes are seen. */
const BUSY = { model_name: 'diabetes-progression', model_version: '2', until: '3' };
const REFUSES = { model_name: 'churn-predictor' };

export const dev = new Command('dev')
  .description(
    'run the whole system here: embedded SQS and the Lambda functions, or Redis or files and workers; a platform, example models',
  )
  .option('--once', 'end when all is settled')
  .option('--json', 'one JSON object a line for each event')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm start\n  $ npm start -- --once --json\n  $ TRANSPORT_URL=redis://127.0.0.1:6379 npm start\n  $ TRANSPORT_URL=file:///tmp/mq npm start',
  )
  .action(async ({ once = false, json = false }: { once?: boolean; json?: boolean }) => {
    const folder = process.cwd();
    const config = await loadConfig(folder);
    const carrierUrl = carrierOf(process.env);
    // Whatever fails on the way, what has been begun is ended, the last one first.
    await using begun = new AsyncDisposableStack();
    begun.defer(await takeFolder(stateFolder()));
    const state = openRunState(stateFolder(), carrierUrl === undefined ? EMBEDDED : describeUrl(carrierUrl));
    const stop = stopSignal(begun);
    const account = createAccount({ json });
    begun.defer(account.stop);
    begun.defer(observe(account.courier));
    begun.defer(observeModels(account.model));
    const system = await startSystem({
      config,
      folder,
      queuesFolder: state.queuesFolder,
      deployedFolder: state.deployedFolder,
      ...(carrierUrl !== undefined && { carrierUrl }),
      platform: { file: state.platformFile, busy: BUSY, refuses: REFUSES },
      onError: account.error,
    });
    begun.defer(state.stopped);
    begun.defer(system.close);
    const { url, instance, secret } = system.platform;
    const { deployedUrl } = system;
    state.announceRunning({ transportUrl: system.url, platform: { url, instance, secret }, deployedUrl });
    greet(account, system, state, json);
    for (const warning of (await system.transport.warnings?.()) ?? []) account.warn(warning);
    if (!once) begun.defer((await offer(system, config, account, json)).close);
    await feed(system, state, stop);
    await untilSettled(system.transport, config, stop);
    await replayRefused(system.transport, config, {
      refused: system.platform.refused,
      signal: stop,
      onReplay: () =>
        account.say('replaying what the platform refused, as an operator would: npx hikyaku dlq replay …'),
    });
    await untilSettled(system.transport, config, stop);
    if (stop.aborted) return;
    state.finish();
    account.stop();
    await summarize(system, config, account, json);
    if (!once) await untilAborted(stop, account);
  });

/** Redis or files, where `TRANSPORT_URL` names them; else SQS embedded here, which needs no account and no server. */
function carrierOf({ TRANSPORT_URL: url }: NodeJS.ProcessEnv): string | undefined {
  if (!url) return undefined;
  const { scheme } = parseTransportUrl(url);
  if (scheme.startsWith('redis') || scheme === 'file') return url;
  throw new BadInput(
    `TRANSPORT_URL is ${describeUrl(url)}: this system runs on an SQS of its own, on Redis or on files: unset TRANSPORT_URL, or set it to redis://host:6379 or file:///tmp/mq`,
  );
}

/** What the carrier is called that is embedded here: its port is another one each time. */
const EMBEDDED = 'embedded';

/** What a person calls the carriers that this system runs on, by their names. */
const CARRIERS: Readonly<Record<string, string>> = {
  sqs: 'embedded SQS',
  redis: 'Redis',
  'redis+list': 'Redis',
  file: 'files',
};

/** How long a system whose npm was killed may take to notice. */
const PATIENCE_MS = 5_000;

/** Two systems on one folder would spoil each other's queues. Returns what gives it back. */
async function takeFolder(folder: string): Promise<() => void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const giveBack = tryLock(folder);
    if (giveBack !== undefined) return giveBack;
    if (performance.now() > deadline) break;
    await pause(200);
  }
  const running = await findRunning(folder);
  const who = running === undefined ? 'another process' : `process ${running.pid}`;
  throw new BadInput(
    `it runs here already (${who}): use that one, stop it, or set HIKYAKU_DIR to another folder`,
  );
}

function tryLock(folder: string): (() => void) | undefined {
  try {
    return lockFolder(folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BadInput(`${folder} cannot hold its state: ${why}; set HIKYAKU_DIR to another folder`);
  }
}

function greet(account: Account, system: System, state: RunState, json: boolean): void {
  if (json) printJson({ event: 'started', transport_url: describeUrl(system.url), resumed: state.resumed });
  account.say(
    `${paint('bold', 'Hikyaku')}  ${CARRIERS[system.transport.name] ?? system.transport.name} at ${describeUrl(system.url)}, state in ${relative(process.cwd(), dirname(state.queuesFolder)) || '.'}`,
  );
  account.say(
    state.resumed
      ? 'taking up the run that was interrupted: what was in flight comes back within 10 s'
      : 'judging the example models against their baselines',
  );
}

/** Serves what a registry and others may post: the same that `hikyaku serve` does, on a free port. */
async function offer(system: System, config: Config, account: Account, json: boolean): Promise<Listening> {
  const { serve } = await import('../../serve/open.ts');
  const given = secretsFrom(process.env, 'MLFLOW_WEBHOOK_SECRET');
  const file = join(stateFolder(), 'webhook-secret');
  const made = randomBytes(24).toString('hex');
  if (given === undefined) writeFileSync(file, made, { mode: 0o600 });
  const server = await serve({
    config,
    transport: system.transport,
    signingKeys: secretsFrom(process.env, SIGNING_KEY),
    webhookSecret: given ?? fixedSecrets([made]),
    port: 0,
    host: '127.0.0.1',
    environment: process.env,
  });
  if (json) printJson({ event: 'serving', url: server.url });
  const secret = given === undefined ? relative(process.cwd(), file) : 'MLFLOW_WEBHOOK_SECRET';
  account.say(
    `serving  POST ${server.url}/evaluations, and MLflow's webhook ${server.url}/webhooks/mlflow (its secret: ${secret})`,
  );
  return server;
}

/** Hands the examples to the emit function, one registered model after the other. */
async function feed(system: System, state: RunState, stop: AbortSignal): Promise<void> {
  for (const { name, documents } of await readExamples(join(process.cwd(), 'examples'))) {
    if (stop.aborted) return;
    if (state.fed.has(name)) continue;
    await system.emit({ documents });
    state.rememberFed(name);
  }
}

async function summarize(system: System, config: Config, account: Account, json: boolean): Promise<void> {
  const rows = await readStatus(system.transport, config);
  if (json) {
    printJson({ event: 'settled', ...account.counts, queues: rows });
    return;
  }
  const { announced, rejected, deployed, superseded } = account.counts;
  account.say();
  account.say(
    `${paint('bold', 'settled')}  ${announced} announced, ${rejected} rejected, ${deployed} deployed, ${superseded} superseded`,
  );
  account.say(statusTable(rows));
  for (const { topic, subscription, dead } of rows) {
    if (dead === 0) continue;
    const letters = await listDeadLetters(system.transport, { topic, subscription });
    if (letters.length === 0) continue;
    account.say();
    account.say(`dead letters of ${topic}/${subscription}`);
    account.say(deadLetterTable(letters));
  }
}

async function untilAborted(stop: AbortSignal, account: Account): Promise<void> {
  account.say();
  account.say(`Now emit your own, in another terminal:
  npx hikyaku emit examples/evaluations/churn-predictor.v7.json
  npx hikyaku emit models:/iris-species/2        (with MLFLOW_TRACKING_URI set)
and look at the queues:
  npx hikyaku status --watch
  npx hikyaku dlq list model_ready_to_deploy
Ctrl-C drains and ends.`);
  // A timer holds the process; the signal ends it.
  while (!stop.aborted) await pause(3_600_000, stop);
  account.say('draining …');
}

/** Fires at the first Ctrl-C or SIGTERM; and when npm, which started us, has been killed. */
function stopSignal(begun: AsyncDisposableStack): AbortSignal {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  begun.defer(onStopSignals(abort));
  if (process.env['npm_lifecycle_event'] === 'start') {
    const parent = process.ppid;
    const looking = setInterval(() => {
      if (process.ppid !== parent) abort();
    }, 250).unref();
    begun.defer(() => clearInterval(looking));
  }
  return stop.signal;
}
