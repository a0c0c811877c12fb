import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningCommand, runHere, startCli } from '../support/cli.ts';
import { EXPECTED, expectOutcomes, modelsOf, PASSING, SUPERSEDED } from '../support/dev-run.ts';

let folder: string;
const running: RunningCommand[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-dev-'));
});
afterEach(async () => {
  for (const { child, exit } of running.splice(0)) {
    child.kill('SIGKILL');
    await exit;
  }
  rmSync(folder, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({ HIKYAKU_DIR: folder });

function start(...words: string[]): RunningCommand {
  const command = startCli(['dev', ...words], environment());
  running.push(command);
  return command;
}

describe('npm start', () => {
  it('deploys exactly the models that pass, retries one, dead-letters one, and replays it', async () => {
    const command = start('--once', '--json');
    expect(await command.exit, command.stderr()).toBe(0);
    const events = command.events();
    expectOutcomes(events);
    expect(modelsOf(events, 'announced')).toEqual([...PASSING, 'churn-predictor v7'].toSorted());
    const rejected = modelsOf(events, 'rejected');
    for (const { registered_model, version, should_pass } of EXPECTED) {
      if (!should_pass) expect(rejected).toContain(`${registered_model} v${version}`);
    }
    expect(events.filter(({ event }) => event === 'rejected').every(({ reason }) => reason !== '')).toBe(
      true,
    );
    // Refused, replayed, refused again.
    expect(events.filter(({ event }) => event === 'dead_lettered')).toHaveLength(2);
    expect(events.filter(({ event }) => event === 'replayed')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({
      event: 'settled',
      deployed: PASSING.length - 1,
      superseded: 1,
      queues: [
        {
          topic: 'model_ready_to_deploy',
          subscription: 'deploy',
          ready: 0,
          inFlight: 0,
          delayed: 0,
          dead: 1,
        },
        { topic: 'model_to_evaluate', subscription: 'judge', ready: 0, inFlight: 0, delayed: 0, dead: 0 },
      ],
    });
  }, 60_000);

  it('tells a person the same, in plain lines when piped', async () => {
    const { code, stderr, stdout: text } = await runHere(['dev', '--once'], environment());
    expect(code, stderr).toBe(0);
    for (const line of [
      /announced +iris-species v2 +log_loss 0\.06779, 67\.66 % better than 0\.2096/,
      /rejected +bc-diagnosis v2 +.*roc_auc/,
      /deployed +diabetes-progression v3/,
      /retried +diabetes-progression v\d +attempt 1 failed: .*503/,
      /superseded +diabetes-progression v2 +/,
      /dead +churn-predictor v7 +rejected: .*422/,
      /replayed +churn-predictor v7/,
      /settled +\d+ announced/,
      /model_ready_to_deploy +deploy +0 +0 +0 +1/,
    ]) {
      expect(text).toMatch(line);
    }
    expect(text).not.toMatch(/\p{Cc}(?<!\n)/u);
  }, 60_000);

  it('loses nothing when it is killed in the middle, and takes the run up again', async () => {
    const deployed = new Set<string>();
    for (const moment of [{ event: 'announced' }, { event: 'retried' }, { event: 'deployed' }]) {
      const killed = start('--json');
      await killed.waitFor(moment).catch(() => undefined);
      killed.child.kill('SIGKILL');
      await killed.exit;
      for (const model of modelsOf(killed.events(), 'deployed')) deployed.add(model);
    }
    const live = PASSING.filter((name) => name !== SUPERSEDED);
    const last = start('--once', '--json');
    expect(await last.exit, last.stderr()).toBe(0);
    expect(last.events()[0]).toMatchObject({ event: 'started', resumed: true });
    // A process may be killed after a model is live, and before it has said so.
    for (const kind of ['deployed', 'already_deployed'])
      for (const model of modelsOf(last.events(), kind)) deployed.add(model);
    expect([...deployed].toSorted()).toEqual(live);
    const decisions = readFileSync(join(folder, 'platform.ndjson'), 'utf8').trim().split('\n');
    const taken = decisions.map((line) => JSON.parse(line)).filter(({ decision }) => decision === 'deployed');
    expect(
      taken.map(({ model_name, model_version }) => `${model_name} v${model_version}`).toSorted(),
    ).toEqual(live);
  }, 120_000);

  it('replays, taken up after a kill, what the platform had refused before it', async () => {
    const killed = start('--json');
    await killed.waitFor({ event: 'dead_lettered' });
    killed.child.kill('SIGKILL');
    await killed.exit;
    expect(killed.events().some(({ event }) => event === 'replayed')).toBe(false);
    const last = start('--once', '--json');
    expect(await last.exit, last.stderr()).toBe(0);
    expect(last.events().filter(({ event }) => event === 'replayed')).toHaveLength(1);
    expect(last.events().at(-1)).toMatchObject({ event: 'settled', queues: [{ dead: 1 }, { dead: 0 }] });
  }, 60_000);

  it('runs once in a folder, also when two start at the same moment; a torn file is in nobody’s way', async () => {
    writeFileSync(join(folder, 'dev.json'), '{"pid":1,"tran');
    const both = [start('--json'), start('--json')];
    const code = await Promise.race(both.map(({ exit }) => exit));
    expect(code).toBe(2);
    const [refused, running] = both.toSorted((a, b) => Number(a.stdout() !== '') - Number(b.stdout() !== ''));
    expect(refused?.stderr()).toMatch(/^error: it runs here already \(process \d+\)/);
    await running?.waitFor({ event: 'started' });
    running?.child.kill('SIGKILL');
    await running?.exit;
    // Its lock died with it.
    await start('--json').waitFor({ event: 'started' });
  }, 60_000);

  it('stays up until Ctrl-C, which drains, and meanwhile serves the other commands', async () => {
    const command = start('--json');
    await command.waitFor({ event: 'settled' });
    const cli = (...words: string[]) => runHere(words, environment());

    const status = await cli('status', '--json');
    expect(status.events).toMatchObject([
      { topic: 'model_ready_to_deploy', subscription: 'deploy', dead: 1 },
      { topic: 'model_to_evaluate', subscription: 'judge', dead: 0 },
    ]);
    const [letter] = (await cli('dlq', 'list', 'model_ready_to_deploy', '--json')).events;
    const id = String(letter?.['id']);
    expect(letter).toMatchObject({ code: 'rejected', attempts: 1, replays: 1 });
    const shown = await cli('dlq', 'show', 'model_ready_to_deploy', id);
    expect(shown.stdout).toContain('churn-predictor');
    expect(shown.stdout).toContain('rejected');
    expect((await cli('dlq', 'show', 'model_ready_to_deploy', 'nobody')).code).toBe(4);
    expect((await cli('dlq', 'replay', 'model_ready_to_deploy', '--all', '--dry-run')).stdout).toContain(
      'would be replayed: 1',
    );
    expect((await cli('dlq', 'purge', 'model_ready_to_deploy')).code).toBe(2);
    expect((await cli('dlq', 'purge', 'model_ready_to_deploy', id)).stdout).toContain('purged: 1');
    expect((await cli('dlq', 'list', 'model_ready_to_deploy')).stdout).toContain('no dead letters');
    expect((await cli('peek', 'model_ready_to_deploy')).stdout).toContain('nothing is ready');

    const own = join(folder, 'own.json');
    const evaluation = JSON.parse(readFileSync('examples/evaluations/churn-predictor.v7.json', 'utf8'));
    writeFileSync(own, JSON.stringify({ ...evaluation, model_name: 'my-model', model_version: '1' }));
    const emitted = await cli('emit', own, '--json');
    expect(emitted.code, emitted.stderr).toBe(0);
    await command.waitFor({ event: 'deployed', model_name: 'my-model' });

    const second = await cli('dev', '--once');
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/runs here already/);

    // As a terminal and npm do: the same Ctrl-C twice.
    command.child.kill('SIGINT');
    command.child.kill('SIGINT');
    expect(await command.exit).toBe(0);
    expect((await cli('status')).code).toBe(2);
  }, 90_000);
});
