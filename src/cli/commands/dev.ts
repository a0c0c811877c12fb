import { dirname, join, relative } from 'node:path';
import { Command } from 'commander';
import { type Config, subscriptionsOf } from '../../config/define-config.ts';
import { loadConfig } from '../../config/load.ts';
import { readExamples } from '../../dev/examples.ts';
import { findRunning, openRunState, type RunState, stateFolder } from '../../dev/run-state.ts';
import { untilSettled } from '../../dev/settled.ts';
import { type System, startSystem } from '../../dev/system.ts';
import { observeModels } from '../../model-ready/events.ts';
import { observe } from '../../observe/events.ts';
import { listDeadLetters, replayDeadLetters } from '../../operate/dead-letters.ts';
import { readStatus } from '../../operate/status.ts';
import { pause } from '../../time/backoff.ts';
import { describeUrl } from '../../transport/schemes.ts';
import { type Account, createAccount } from '../account.ts';
import { BadInput } from '../exit.ts';
import { paint, printJson } from '../output.ts';
import { onStopSignals } from '../stop-signals.ts';
import { deadLetterTable } from './dlq.ts';
import { statusTable } from './status.ts';

/** What the local platform does to the example models, so that all outcomes are seen. */
const BUSY = { model_name: 'diabetes-progression', model_version: '2', times: 2 };
const REFUSES = { model_name: 'churn-predictor' };

export const dev = new Command('dev')
  .description(
    'run the whole system here: embedded SQS and the Lambda functions, or Redis and workers; a platform, example models',
  )
  .option('--once', 'end when all is settled')
  .option('--json', 'one JSON object a line for each event')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm start\n  $ npm start -- --once --json\n  $ TRANSPORT_URL=redis://127.0.0.1:6379 npm start',
  )
  .action(async ({ once = false, json = false }: { once?: boolean; json?: boolean }) => {
    const folder = process.cwd();
    const config = await loadConfig(folder);
    await refuseSecond(stateFolder());
    const state = openRunState(stateFolder());
    const stop = stopSignal();
    const account = createAccount({ json });
    const refused = new Set<string>();
    const unobserve = [
      observe((event) => {
        account.courier(event);
        if (event.event === 'dead_lettered' && event.code === 'rejected') refused.add(event.id);
      }),
      observeModels(account.model),
    ];
    const system = await startSystem({
      config,
      folder,
      queuesFolder: state.queuesFolder,
      ...carrierOf(process.env),
      platform: { file: state.platformFile, busy: BUSY, refuses: REFUSES },
      onError: (error) => account.say(`  ${paint('red', 'error')} ${String(error)}`),
    });
    const { url, instance } = system.platform;
    state.announceRunning({ transportUrl: system.url, platform: { url, instance } });
    try {
      greet(account, system, state, json);
      for (const warning of (await system.transport.warnings?.()) ?? []) {
        account.say(`  ${paint('yellow', 'careful')}    ${warning}`);
      }
      await feed(system, state, stop);
      await untilSettled(system.transport, config, stop);
      await replayRefused(system, config, account, refused);
      await untilSettled(system.transport, config, stop);
      if (!stop.aborted) {
        state.finish();
        account.stop();
        await summarize(system, config, account, json);
        if (!once) await untilAborted(stop, account);
      }
    } finally {
      account.stop();
      await system.close();
      state.stopped();
      for (const end of unobserve) end();
    }
  });

/** Redis, where `TRANSPORT_URL` names one; else SQS embedded here, which needs no account and no server. */
function carrierOf({ TRANSPORT_URL: url = '' }: NodeJS.ProcessEnv): { readonly carrierUrl?: string } {
  return /^rediss?:/.test(url) ? { carrierUrl: url } : {};
}

/** How long a system whose npm was killed may take to notice. */
const PATIENCE_MS = 5_000;

/** Two systems on one folder would spoil each other's queues. */
async function refuseSecond(folder: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let running = await findRunning(folder);
  while (running !== undefined && performance.now() < deadline) {
    await pause(200);
    running = await findRunning(folder);
  }
  if (running === undefined) return;
  throw new BadInput(
    `it runs here already (process ${running.pid}): use that one, stop it, or set HIKYAKU_DIR to another folder`,
  );
}

function greet(account: Account, system: System, state: RunState, json: boolean): void {
  if (json) printJson({ event: 'started', transport_url: describeUrl(system.url), resumed: state.resumed });
  account.say(
    `${paint('bold', 'Hikyaku')}  ${system.url.startsWith('sqs:') ? 'embedded SQS' : 'Redis'} at ${describeUrl(system.url)}, state in ${relative(process.cwd(), dirname(state.queuesFolder)) || '.'}`,
  );
  account.say(
    state.resumed
      ? 'taking up the run that was interrupted: what was in flight comes back within 10 s'
      : 'judging the example models against their baselines',
  );
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

/** Shows how a dead letter is brought back; this one will be refused again. */
async function replayRefused(
  system: System,
  config: Config,
  account: Account,
  refused: ReadonlySet<string>,
): Promise<void> {
  if (refused.size === 0) return;
  account.say('replaying what the platform refused, as an operator would: npx hikyaku dlq replay …');
  for (const { address } of subscriptionsOf(config)) {
    await replayDeadLetters(system.transport, address, { ids: [...refused] });
  }
}

async function summarize(system: System, config: Config, account: Account, json: boolean): Promise<void> {
  const rows = await readStatus(system.transport, config);
  if (json) {
    printJson({ event: 'settled', ...account.counts, queues: rows });
    return;
  }
  const { announced, rejected, deployed } = account.counts;
  account.say();
  account.say(
    `${paint('bold', 'settled')}  ${announced} announced, ${rejected} rejected, ${deployed} deployed`,
  );
  account.say(statusTable(rows));
  for (const { address } of subscriptionsOf(config)) {
    const letters = await listDeadLetters(system.transport, address);
    if (letters.length === 0) continue;
    account.say();
    account.say(`dead letters of ${address.topic}/${address.subscription}`);
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
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  onStopSignals(abort);
  if (process.env['npm_lifecycle_event'] === 'start') {
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) abort();
    }, 250).unref();
  }
  return stop.signal;
}
