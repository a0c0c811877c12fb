import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startCli } from '../support/cli.ts';
import { plainEvaluation } from '../support/model-examples.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'hikyaku-serve-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it('takes evaluations until it is told to end, and says what became of them', async () => {
  const environment = { TRANSPORT_URL: `file://${folder()}` };
  expect(await startCli(['provision'], environment).exit).toBe(0);
  const serving = startCli(['serve', '--port', '0', '--json'], environment);
  onTestFinished(() => void serving.child.kill('SIGKILL'));
  const { url } = await serving.waitFor({ event: 'serving' });
  await serving.waitFor({ event: 'warning' });
  const answer = await fetch(`${url}/evaluations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([plainEvaluation(), plainEvaluation({ current_value: 0.1 })]),
  });
  expect(await answer.json()).toMatchObject({ announced: [{}], rejected: [{ code: 'not_better' }] });
  await serving.waitFor({ event: 'announced' });
  await serving.waitFor({ event: 'rejected' });
  expect((await fetch(`${url}/webhooks/mlflow`, { method: 'POST', body: '{}' })).status).toBe(404);
  await serving.waitFor({ event: 'refused', status: 404 });
  const taken = startCli(['serve', '--port', String(new URL(String(url)).port)], environment);
  expect(await taken.exit).toBe(2);
  expect(taken.stderr()).toMatch(/^.*port \d+ cannot be had: listen EADDRINUSE.*\n$/);
  serving.child.kill('SIGTERM');
  expect(await serving.exit).toBe(0);
});

it('lets nobody else in without a token', async () => {
  const serving = startCli(['serve', '--host', '0.0.0.0'], { TRANSPORT_URL: 'memory:' });
  expect(await serving.exit).toBe(2);
  expect(serving.stderr()).toContain('set HIKYAKU_TOKEN_PUBLISH');
});

it('does not say of another mistake that it were the port', async () => {
  const serving = startCli(['serve', '--port', '0'], { TRANSPORT_URL: 'memory:', MIN_IMPROVEMENT: 'much' });
  expect(await serving.exit).toBe(2);
  expect(serving.stderr()).toContain('"much" is no minimum improvement');
  expect(serving.stderr()).not.toContain('cannot be had');
});
