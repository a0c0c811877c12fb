import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runHere, startCli } from '../support/cli.ts';
import { runDevOnce } from '../support/dev-run.ts';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';

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
    const command = await runDevOnce(environment);
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
