import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runHere, startCli } from '../support/cli.ts';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';

interface Expected {
  readonly registered_model: string;
  readonly version: string;
  readonly should_pass: boolean | null;
}

const expected: Expected[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../examples/mlflow/expected.json'), 'utf8'),
);

async function given(scheme: string) {
  const server = await startRedis({ requirepass: 'secret' });
  onTestFinished(() => server.stop());
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-dev-redis-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { HIKYAKU_DIR: folder, TRANSPORT_URL: `${scheme}://:secret@127.0.0.1:${server.port}` };
}

describe.skipIf(WITHOUT_REDIS).each(['redis', 'redis+list'])('TRANSPORT_URL=%s://… npm start', (scheme) => {
  it('deploys the same models as on SQS, with the same account', async () => {
    const environment = await given(scheme);
    const command = startCli(['dev', '--once', '--json'], environment);
    expect(await command.exit, command.stderr()).toBe(0);
    const events = command.events();
    const of = (kind: string) => events.filter(({ event }) => event === kind);
    expect(
      of('deployed')
        .map(({ model_name, model_version }) => `${model_name} v${model_version}`)
        .toSorted(),
    ).toEqual(
      expected
        .filter(({ should_pass }) => should_pass)
        .map(({ registered_model, version }) => `${registered_model} v${version}`)
        .toSorted(),
    );
    expect(of('retried')).toHaveLength(2);
    expect(of('dead_lettered')).toHaveLength(2);
    expect(of('replayed')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({
      event: 'settled',
      queues: [
        { subscription: 'deploy', ready: 0, inFlight: 0, delayed: 0, dead: 1 },
        { subscription: 'judge', ready: 0, inFlight: 0, delayed: 0, dead: 0 },
      ],
    });
    expect(command.stdout()).not.toContain('secret');
    const { stdout: letters } = await runHere(['dlq', 'list', 'model_ready_to_deploy'], environment);
    expect(letters).toContain('rejected');
  }, 60_000);

  it('tells a person where, and what the server does not promise', async () => {
    // In a process of its own: what announces keeps the carrier that it has opened.
    const command = startCli(['dev', '--once'], await given(scheme));
    expect(await command.exit, command.stderr()).toBe(0);
    const stdout = command.stdout();
    expect(stdout).toMatch(new RegExp(`Redis at ${RegExp.escape(scheme)}://127\\.0\\.0\\.1:\\d+, state in`));
    expect(stdout).toMatch(/careful +Redis at .* syncs its disk once a second/);
    expect(stdout).toMatch(/deployed +iris-species v2/);
    expect(stdout).not.toContain('secret');
  }, 60_000);
});
