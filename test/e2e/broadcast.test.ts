import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { openTransport } from '../../src/transport/url.ts';
import { runHere, startCli } from '../support/cli.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../support/redis.ts';

const TOPIC = 'model_ready_to_deploy';
const DATA = {
  model_id: 'm-1',
  model_name: 'iris\u001b[2J',
  model_version: '2',
  token_symbol: 'iris-x',
  metric_name: 'log_loss',
  metric_direction: 'lower',
  baseline_value: 0.2,
  current_value: 0.1,
  improvement_percentage: 50,
};

describe.skipIf(WITHOUT_REDIS)('hikyaku notify and listen', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-broadcast-'));
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const environment = () => ({ TRANSPORT_URL: server.url, HIKYAKU_DIR: folder });

  it.each(['SIGINT', 'SIGTERM'] as const)('tell a program, until %s', async (signal) => {
    const listening = startCli(['listen', TOPIC, '--json'], environment());
    onTestFinished(() => void listening.child.kill('SIGKILL'));
    await listening.waitFor({ event: 'listening', topic: TOPIC });
    const told = await runHere(['notify', TOPIC, JSON.stringify(DATA), '--json'], environment());
    expect(told).toMatchObject({ code: 0, stderr: '' });
    const id = told.events[0]?.['id'];
    expect(told.events).toEqual([{ event: 'notified', topic: TOPIC, id }]);
    expect(await listening.waitFor({ id })).toMatchObject({
      specversion: '1.0',
      source: 'hikyaku/cli',
      type: TOPIC,
      data: DATA,
    });
    const transport = await openTransport(server.url, config);
    onTestFinished(() => transport.close());
    await transport.broadcast?.notify(TOPIC, [{ id: 'odd', body: 'not json', headers: {} }]);
    await listening.waitFor({ event: 'notice_unreadable', id: 'odd', code: 'malformed' });
    await server.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await listening.waitFor({ event: 'notices_missed', topic: TOPIC });
    listening.child.kill(signal);
    expect(await listening.exit).toBe(0);
    expect(listening.events().map(({ event, specversion }) => event ?? specversion)).toEqual([
      'listening',
      '1.0',
      'notice_unreadable',
      'carrier_unavailable',
      'carrier_back',
      'notices_missed',
    ]);
    expect(listening.stderr()).toBe('');
  });

  it('tell a person, and print nothing raw', async () => {
    const signals = process.listenerCount('SIGINT');
    const listening = runHere(['listen', TOPIC], environment());
    const subscribed = () => server.admin.pubsub('CHANNELS', '*');
    await vi.waitFor(async () => expect(await subscribed()).toHaveLength(1), { timeout: 5_000 });
    const transport = await openTransport(server.url, config);
    onTestFinished(() => transport.close());
    await transport.broadcast?.notify(TOPIC, [{ id: 'odd', body: '{}', headers: {} }]);
    // Its output is the listener's for as long as that runs.
    const told = await startCli(['notify', TOPIC, JSON.stringify(DATA)], environment());
    expect(await told.exit).toBe(0);
    const [, id] = /^notified {2}model_ready_to_deploy, message ([0-9a-f-]{36})\n$/.exec(told.stdout()) ?? [];
    await server.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await vi.waitFor(async () => expect(await subscribed()).toHaveLength(1), { timeout: 5_000 });
    process.emit('SIGINT');
    const { code, stdout } = await listening;
    expect(code).toBe(0);
    expect(stdout).toContain(`listening to ${TOPIC} on redis\nunreadable  odd  malformed: `);
    expect(stdout).toContain(`${id}  {"model_id":"m-1","model_name":"iris\\u001b[2J"`);
    expect(stdout).toMatch(/away {2}redis: .*\nback {2}redis\nmissed {2}perhaps: /);
    expect(process.listenerCount('SIGINT')).toBe(signals);
  });

  it('end when nobody reads any more what they say', async () => {
    const listening = startCli(['listen', TOPIC, '--json'], environment());
    onTestFinished(() => void listening.child.kill('SIGKILL'));
    await listening.waitFor({ event: 'listening' });
    listening.child.stdout.destroy();
    await runHere(['notify', TOPIC, JSON.stringify(DATA)], environment());
    expect(await listening.exit).toBe(0);
  });

  it.each([
    [['notify', TOPIC, '{"model_id":1}'], 2, /data\.model_id: /],
    [['notify', TOPIC, '{broken'], 2, /the data: expected JSON/],
    [['notify', 'model_ready', '{}'], 2, /model_ready is not a topic.*there are .*model_ready_to_deploy/],
    [['listen', 'model_ready_to_deplo'], 2, /did you mean model_ready_to_deploy/],
    [['listen'], 2, /missing required argument 'topic'/],
  ])('%j ends with %i', async (words, code, message) => {
    const result = await runHere(words, environment());
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
  });

  it('say where there is no broadcast, and when the carrier is away', async () => {
    for (const words of [
      ['listen', TOPIC],
      ['notify', TOPIC, JSON.stringify(DATA)],
    ]) {
      const unsupported = await runHere(words, { TRANSPORT_URL: 'sqs://127.0.0.1:1' });
      expect(unsupported).toMatchObject({ code: 2, stdout: '' });
      expect(unsupported.stderr).toMatch(/sqs does not broadcast: publish/);
      const away = await runHere(words, { TRANSPORT_URL: 'redis://127.0.0.1:1' });
      expect(away).toMatchObject({ code: 3, stdout: '' });
    }
  });

  it('take the data from stdin as well', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['bin/hikyaku.js', 'notify', TOPIC, '-', '--json'],
      {
        input: JSON.stringify(DATA),
        env: { PATH: process.env['PATH'], ...environment() },
        encoding: 'utf8',
      },
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ event: 'notified', topic: TOPIC });
  });

  it('live in memory too, until they are stopped', async () => {
    const listening = startCli(['listen', TOPIC, '--json'], {
      TRANSPORT_URL: 'memory:',
      HIKYAKU_DIR: folder,
    });
    onTestFinished(() => void listening.child.kill('SIGKILL'));
    await listening.waitFor({ event: 'listening' });
    listening.child.kill('SIGINT');
    expect(await listening.exit).toBe(0);
  });
});
