import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { type Emulator, startEmulator } from '../../src/dev/emulator.ts';
import { createSpy } from '../../src/observe/spy.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { openTransport } from '../../src/transport/url.ts';
import { runHere } from '../support/cli.ts';
import { writeEvaluations } from '../support/evaluations.ts';

const NAME = 'model_ready_to_deploy';
const ADDRESS = { topic: NAME, subscription: 'deploy' };

let folder: string;
let emulator: Emulator;
let transport: Transport;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-commands-'));
  emulator = await startEmulator();
  transport = await openTransport(emulator.url, config);
  await transport.provision();
});
afterAll(async () => {
  await transport.close();
  await emulator.stop();
  rmSync(folder, { recursive: true });
});

const cli = (...words: string[]) => runHere(words, { TRANSPORT_URL: emulator.url, HIKYAKU_DIR: folder });

const evaluations = (name: string, ...values: number[]) => writeEvaluations(join(folder, name), name, values);

describe('emit', () => {
  it('judges a folder, tells a person, and announces what passes', async () => {
    const { code, stdout } = await cli('emit', evaluations('told', 0.75, 0.5));
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /announced +told v0 +50 % better, message [0-9a-f-]{36}\nrejected +told v1 +its f1 of 0\.5 equals/,
    );
    expect(await transport.depth(ADDRESS)).toMatchObject({ ready: 1 });
  });

  it('tells a program, and asks for the least improvement it is given', async () => {
    const { events } = await cli(
      'emit',
      evaluations('least', 0.75, 0.51),
      '--min-improvement',
      '10%',
      '--json',
    );
    expect(events).toMatchObject([
      { event: 'announced', model_name: 'least', model_version: '0' },
      { event: 'rejected', model_version: '1', code: 'below_minimum' },
    ]);
    // As the functions have it, by the environment.
    const deployed = { TRANSPORT_URL: emulator.url, MIN_IMPROVEMENT: '60%' };
    const { stdout } = await runHere(['emit', join(folder, 'least')], deployed);
    expect(stdout.match(/rejected/g)).toHaveLength(2);
    const none = await runHere(['emit', join(folder, 'least')], { ...deployed, MIN_IMPROVEMENT: '' });
    expect(none.stdout).not.toContain('rejected');
    const bad = await runHere(['emit', join(folder, 'least')], { ...deployed, MIN_IMPROVEMENT: '.01' });
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringMatching(/"\.01" is no minimum improvement/) });
    const wrong = await cli('emit', join(folder, 'least'), '--min-improvement', 'much');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/"much" is no minimum improvement: expected a number such as 0\.01/);
  });

  it('names the MLflow run that is not registered, and asks a server only where one is named', async () => {
    const { stdout } = await cli('emit', 'examples/mlflow/runs/run.failed.iris-logreg-negative-C.json');
    expect(stdout).toMatch(/rejected +run 6e2f4f8d09bf4145be07a4c79489de08 +.*FAILED/);
    const { code, stderr } = await cli('emit', 'models:/iris-species/2');
    expect(stderr).toMatch(/MLFLOW_TRACKING_URI is not set/);
    expect(code).toBe(2);
  });
});

describe('peek and status', () => {
  it('show what waits, and leave it there', async () => {
    const ready = (await transport.depth(ADDRESS)).ready;
    expect(ready).toBeGreaterThan(0);
    const { stdout } = await cli('peek', NAME, '--max', '1');
    expect(stdout).toMatch(/delivered 1 ×\n +\{"specversion":"1\.0"/);
    const { events } = await cli('peek', NAME, '--json');
    expect(events).toHaveLength(ready);
    expect((await cli('status')).stdout).toMatch(
      new RegExp(`model_ready_to_deploy +deploy +${ready} +0 +0 +0`),
    );
  });

  it('leaves Ctrl-C to the process, but while it watches', async () => {
    const listeners = () => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
    const before = listeners();
    const on = vi.spyOn(process, 'on');
    const once = vi.spyOn(process, 'once');
    await cli('status');
    const asked = [...on.mock.calls, ...once.mock.calls].map(([event]) => event);
    on.mockRestore();
    once.mockRestore();
    expect(asked).not.toContain('SIGINT');
    const watching = cli('status', '--watch');
    await vi.waitFor(() => expect(listeners()).toBe(before + 2));
    process.emit('SIGTERM');
    expect((await watching).code).toBe(0);
    expect(listeners()).toBe(before);
  });

  it('watches until Ctrl-C', async () => {
    const watching = cli('status', '--watch', '--json');
    await vi.waitFor(() => expect(process.listenerCount('SIGINT')).toBeGreaterThan(0));
    setTimeout(() => process.emit('SIGINT'), 1_100);
    const { code, events } = await watching;
    expect(code).toBe(0);
    expect(events.length).toBeGreaterThan(1);
  });
});

describe('work', () => {
  it.each([[[]], [['--json']]])(
    'consumes until it is told to end, and says what happened %j',
    async (options) => {
      const spy = createSpy();
      const id = `unreadable${options.length}`;
      await cli('emit', evaluations(`worked${options.length}`, 0.75));
      await transport.send(NAME, [{ id, body: 'not json', headers: {} }]);
      const working = cli('work', NAME, '--concurrency', '5', ...options);
      await spy.waitFor('dead_lettered', { id });
      await spy.waitFor('handled', {});
      await vi.waitFor(
        async () => expect(await transport.depth(ADDRESS)).toMatchObject({ ready: 0, inFlight: 0 }),
        5_000,
      );
      process.emit('SIGTERM');
      const { code, stdout, events } = await working;
      spy.close();
      expect(code).toBe(0);
      if (options.length === 0) {
        expect(stdout).toMatch(/consuming model_ready_to_deploy\/deploy on sqs, 5 at once/);
        expect(stdout).toMatch(/handled +[0-9a-f-]{36} +attempt \d+, \d+ ms/);
        expect(stdout).toMatch(/dead +unreadable0 +malformed: /);
      } else {
        expect(events.map(({ event }) => event)).toEqual(
          expect.arrayContaining(['handled', 'dead_lettered']),
        );
      }
    },
  );
});

describe('dlq', () => {
  it('shows history, replays and purges, and can only try', async () => {
    const list = await cli('dlq', 'list', NAME, '--reason', 'malformed');
    expect(list.stdout).toMatch(/unreadable0 +malformed/);
    const shown = await cli('dlq', 'show', NAME, 'unreadable0', '--json');
    expect(shown.events).toMatchObject([{ id: 'unreadable0', code: 'malformed', body: 'not json' }]);
    const tried = await cli('dlq', 'purge', NAME, '--all', '--dry-run', '--json');
    expect(tried.events).toMatchObject([{ would_be: 'purged' }, { would_be: 'purged' }]);
    const replayed = await cli('dlq', 'replay', NAME, 'unreadable0', '--json');
    expect(replayed.events).toMatchObject([{ id: 'unreadable0', was: 'replayed' }]);
    const missing = await cli('dlq', 'purge', NAME, 'nobody');
    expect(missing.code).toBe(4);
    expect(missing.stderr).toMatch(/no dead letter nobody/);
    expect((await cli('dlq', 'purge', NAME, '--reason', 'malformed')).stdout).toMatch(/purged: 1/);
    expect((await cli('dlq', 'list', NAME, '--reason', 'nonsense')).code).toBe(2);
  });
});
