import { userInfo } from 'node:os';
import { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { stateFolder } from '../../dev/run-state.ts';
import { newId } from '../../message/id.ts';
import { modelReadyToDeploy } from '../../model-ready/contract.ts';
import { type AuditLine, openAudit } from '../../model-ready/deploy/audit.ts';
import { deployAs } from '../../model-ready/deploy/deploy.ts';
import type { Deploy, DeployCall, Outcome } from '../../model-ready/deploy/deploy-model.ts';
import { deployOptionsFrom } from '../../model-ready/deploy/deploy-options.ts';
import type { Announcement } from '../../model-ready/deploy/deploy-request.ts';
import type { DeploymentRecord, Forced } from '../../model-ready/deploy/record.ts';
import { pause } from '../../time/backoff.ts';
import { findAnnouncement, findEnvironment } from '../deploy-inputs.ts';
import { BadInput, Superseded } from '../exit.ts';
import { printModels } from '../model-line.ts';
import { paint, printable } from '../output.ts';
import { onStopSignals } from '../stop-signals.ts';

interface Options {
  readonly data?: string;
  readonly force?: true;
  readonly reason?: string;
  readonly by?: string;
  readonly json?: true;
}

export const deploy = new Command('deploy')
  .description(
    'deploy a version of a model by hand, by the rules that announcements follow or in spite of them',
  )
  .argument('<model>', 'its name')
  .argument('<version>', 'of the model')
  .option(
    '--data <file>',
    'its announcement: the data of a model_ready_to_deploy message (default: as it was deployed before)',
  )
  .option('--force', 'deploy it whatever is live, for example to go back; takes --reason')
  .option('--reason <text>', 'why it is forced')
  .option('--by <name>', 'who forces it (default: the user of this system)')
  .option('--json', 'one JSON object a line for each event')
  .addHelpText(
    'after',
    '\nExamples:\n  $ hikyaku deploy churn-predictor 6 --force --reason "v7 answers too slowly"\n  $ hikyaku deploy churn-predictor 8 --data announcement.json\n\nWhat was deployed last is at DEPLOYED_URL, and the platform at DEPLOY_URL (with DEPLOY_SECRET); else those of the\nsystem that npm start runs here.',
  )
  .action(async (model: string, version: string, given: Options) => {
    const forced = forcedBy(given);
    const options = deployOptionsFrom(await findEnvironment(process.env), await loadConfig(process.cwd()));
    const door = await options.openDoor();
    // The error says that it is superseded.
    const unobserve = printModels(given.json, ({ event }) => event !== 'superseded');
    try {
      const known = await door.record(model);
      const announced = await findAnnouncement(known, model, version, given.data);
      const type = modelReadyToDeploy.name;
      const announcement: Announcement = forced
        ? { type, data: announced.data, id: newId(), time: new Date().toISOString() }
        : { type, ...announced };
      const deploying = untilDecided(deployAs(options), announcement, forced);
      const done = forced ? await audited(deploying, known, announcement, forced) : await deploying();
      if (done.outcome === 'superseded') throw superseded(announcement, done.reason, forced);
    } finally {
      unobserve();
      door.close();
    }
  });

function forcedBy({ force, reason, by }: Options): Forced | undefined {
  if (!force && (reason ?? by) === undefined) return undefined;
  if (!force) throw new BadInput('--reason and --by go with --force');
  if (!reason?.trim()) {
    throw new BadInput('--force takes --reason TEXT: it is kept with the deployment, and in audit.ndjson');
  }
  return { by: by?.trim() || userInfo().username, reason: reason.trim() };
}

/** Waits while another version is being deployed. */
function untilDecided(run: Deploy, announcement: Announcement, forced: Forced | undefined) {
  return async (): Promise<Exclude<Outcome, { outcome: 'wait' }>> => {
    const stop = new AbortController();
    const unlisten = onStopSignals(() => stop.abort());
    const call: DeployCall = { signal: stop.signal, forced };
    try {
      for (;;) {
        const done = await run(announcement, call);
        if (done.outcome !== 'wait') return done;
        stop.signal.throwIfAborted();
        console.error(`${paint('yellow', 'waiting')}: ${printable(done.reason)}`);
        await pause(done.ms, stop.signal);
      }
    } finally {
      unlisten();
    }
  };
}

/** Writes down who did what, also if it failed. */
async function audited<Done extends Outcome>(
  deploying: () => Promise<Done>,
  { live }: DeploymentRecord,
  { id, data: { model_name, model_version } }: Announcement,
  { by, reason }: Forced,
): Promise<Done> {
  const replaced = live?.data.model_version ?? null;
  const about = { action: 'deploy --force', by, reason, id, model_name, model_version, replaced } as const;
  const audit = await openAudit(stateFolder());
  let outcome: AuditLine['outcome'] = 'interrupted';
  try {
    const done = await deploying();
    outcome = done.outcome;
    return done;
  } catch (error) {
    outcome = error instanceof Error ? error.name : String(error);
    throw error;
  } finally {
    await audit.write({ ...about, outcome });
    await audit.close();
  }
}

function superseded({ data }: Announcement, reason: string, forced: Forced | undefined): Superseded {
  const cure = forced ? '' : '; --force --reason TEXT deploys it all the same';
  return new Superseded(`${data.model_name} ${data.model_version} is not deployed: ${reason}${cure}`);
}
