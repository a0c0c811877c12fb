import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRunning, type Platform, startPlatform } from './platform.ts';

let folder: string;
let file: string;
let platform: Platform;

async function start(): Promise<void> {
  platform = await startPlatform({
    file,
    busy: { model_name: 'busy', model_version: '1', until: '2' },
    refuses: { model_name: 'never' },
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-platform-'));
  file = join(folder, 'platform.ndjson');
  await start();
});
afterEach(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true });
});

async function post(id: string, data: unknown, secret = platform.secret): Promise<number> {
  const body = JSON.stringify({ type: 'model_ready_to_deploy', timestamp: '', data });
  const now = new Date();
  const response = await fetch(platform.url, {
    method: 'POST',
    body,
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign(id, now, body),
    },
  });
  return response.status;
}

const model = (model_name: string, model_version = '1') => ({ model_name, model_version });
const decisions = () =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).decision);

describe('the platform', () => {
  it('takes what is signed, once', async () => {
    expect([await post('a', model('good')), await post('a', model('good'))]).toEqual([200, 200]);
    expect(decisions()).toEqual(['deployed']);
    expect(await post('b', model('good'), `whsec_${Buffer.alloc(24).toString('base64')}`)).toBe(401);
    expect((await fetch(platform.url, { method: 'POST', body: '{}' })).status).toBe(401);
    expect(await post('c', { model_name: 7 })).toBe(400);
  });

  it('answers a deployment that it has taken before as it did, by its id, also after a restart', async () => {
    expect(await post('a', model('good'))).toBe(200);
    expect(await post('a', model('never'))).toBe(200);
    await platform.stop();
    await start();
    expect([await post('a', model('good')), await post('a', model('never'))]).toEqual([200, 200]);
    expect(decisions()).toEqual(['deployed']);
  });

  it('is busy until it has taken the better version, refuses what it always refuses, and remembers', async () => {
    expect(await post('a', model('busy'))).toBe(503);
    expect(await post('b', model('busy', '2'))).toBe(503);
    expect(await post('n', model('never'))).toBe(422);
    await platform.stop();
    await start();
    expect(await post('a', model('busy'))).toBe(503);
    expect(await post('b', model('busy', '2'))).toBe(200);
    await platform.stop();
    await start();
    expect([await post('a', model('busy')), await post('n', model('never'))]).toEqual([200, 422]);
    expect(decisions()).toEqual(['busy', 'busy', 'refused', 'busy', 'deployed', 'deployed', 'refused']);
  });

  it('starts after a kill that tore its last line, and goes on behind it', async () => {
    expect(await post('n', model('never'))).toBe(422);
    await platform.stop();
    appendFileSync(file, '{"id":"a","decision":"depl');
    await start();
    expect([...platform.refused]).toEqual(['n']);
    expect(await post('a', model('good'))).toBe(200);
    await platform.stop();
    await start();
    expect(await post('a', model('good'))).toBe(200);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines.filter((line) => line.includes('"deployed"'))).toHaveLength(1);
  });

  it('is told from another that took its port', async () => {
    expect(await isRunning(platform)).toBe(true);
    expect(await isRunning({ ...platform, instance: 'another' })).toBe(false);
    expect(await isRunning({ url: 'http://127.0.0.1:1/', instance: platform.instance })).toBe(false);
  });
});
