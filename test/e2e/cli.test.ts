import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFauxqs } from 'fauxqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import config from '../../hikyaku.config.ts';
import { openTransport } from '../../src/transport/url.ts';
import { runHere, startCli } from '../support/cli.ts';

const GOOD = {
  model_name: 'm',
  model_version: '1',
  token_symbol: 'good',
  metric_name: 'f1',
  current_value: 1,
  baseline_value: 0.5,
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = (words: string[], environment: NodeJS.ProcessEnv = {}) =>
  runHere(words, { HIKYAKU_DIR: folder, ...environment });

function file(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('bad input', () => {
  it.each([
    [['statsu'], {}, 2, /Did you mean status\?/],
    [['status', '--jsno'], {}, 2, /Did you mean --json\?/],
    [['work'], {}, 2, /missing required argument 'subscription'/],
    [['peek', 'x', '--max', 'many'], {}, 2, /expected a whole number from 1 to 1000/],
    [['status'], {}, 2, /TRANSPORT_URL is not set: run "npm start" in another terminal/],
    [['status'], { TRANSPORT_URL: 'kafka://x' }, 2, /kafka: is not a transport: expected memory:/],
    [['status'], { TRANSPORT_URL: 'sqz://eu-west-1' }, 2, /did you mean sqs\?/],
    [
      ['status'],
      { TRANSPORT_URL: 'sqs://eu-west-1?prefx=a' },
      2,
      /prefx is not an option of sqs: \(did you mean prefix\?\)/,
    ],
    [
      ['status'],
      { TRANSPORT_URL: 'sqs://eu-west-1?prefix=No' },
      2,
      /"No" is not a prefix name: expected 1 to 16/,
    ],
    [
      ['peek', 'model_ready_to_deploi'],
      { TRANSPORT_URL: 'memory:' },
      2,
      /did you mean model_ready_to_deploy\?/,
    ],
    [['peek', 'a/../b'], { TRANSPORT_URL: 'memory:' }, 2, /is not a subscription/],
    [['emit', '/nonexistent.json'], { TRANSPORT_URL: 'memory:' }, 2, /nonexistent\.json/],
    [['emit', 'lambdas'], {}, 2, /^unreadable: lambdas: expected files that end in \.json, found none$/m],
    [
      ['dlq', 'purge', 'model_ready_to_deploy', 'a', '--all'],
      { TRANSPORT_URL: 'memory:' },
      2,
      /--all or these ids\?/,
    ],
    [['peek', 'x\u001B[2J'], { TRANSPORT_URL: 'memory:' }, 2, /^error: x\\u001b\[2J is not a subscription/],
    [['dev'], { TRANSPORT_URL: 'redsi://x' }, 2, /redsi: is not a transport \(did you mean redis\?\)/],
    [
      ['dev'],
      { TRANSPORT_URL: 'sqs://eu-west-1' },
      2,
      /TRANSPORT_URL is sqs:\/\/eu-west-1: this system runs on an SQS of its own, on Redis or on files: unset/,
    ],
  ])('%j %j ends with %i', async (words, environment, code, message) => {
    const result = await cli(words, environment);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(result.stderr).not.toMatch(/\n +at /);
  });

  it('of an evaluation names the path to the field, what was expected and what was found', async () => {
    const path = file('wrong.json', { ...GOOD, token_symbol: 'NOT GOOD' });
    const { code, stderr } = await cli(['emit', path], { TRANSPORT_URL: 'memory:' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/token_symbol.*expected.*found.*NOT GOOD/s);
  });

  it('that is no JSON is said with its file', async () => {
    const { code, stderr } = await cli(['emit', file('broken.json', '{"a":')], { TRANSPORT_URL: 'memory:' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/broken\.json/);
  });
});

describe('a carrier that is not there', () => {
  it('ends a command with 3 and one sentence', async () => {
    const { code, stderr } = await cli(['status'], { TRANSPORT_URL: `sqs://127.0.0.1:${await freePort()}` });
    expect(code).toBe(3);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('is said to be away while emit tries again', async () => {
    const emulator = await startFauxqs({ port: 0, logger: false });
    const transport = await openTransport(`sqs://127.0.0.1:${emulator.port}`, config);
    await transport.provision();
    await transport.close();
    const port = await freePort();
    const url = `sqs://127.0.0.1:${port}`;
    const emitting = startCli(['emit', file('away.json', GOOD), '--json'], {
      TRANSPORT_URL: url,
      HIKYAKU_DIR: folder,
    });
    await expect
      .poll(emitting.stderr, { timeout: 10_000 })
      .toMatch(/^away: .*; trying again for half a minute/);
    // Reached once its queues are there: one that answers without them is not away.
    const proxy = createServer((socket) => {
      const upstream = connect(emulator.port, '127.0.0.1');
      socket.pipe(upstream).pipe(socket);
      for (const one of [socket, upstream]) one.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve));
    expect(await emitting.exit, emitting.stderr()).toBe(0);
    expect(emitting.events()).toMatchObject([{ event: 'announced' }]);
    proxy.close();
    await emulator.stop();
  });

  it('without credentials ends a command with 5 and one sentence', async () => {
    const { code, stderr } = await cli(['status'], {
      TRANSPORT_URL: 'sqs://eu-west-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    expect(stderr).toMatch(/credentials/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(5);
  });

  it('without its queues ends a command with 4', async () => {
    const emulator = await startFauxqs({ port: 0, logger: false });
    const { code, stderr } = await cli(['status'], { TRANSPORT_URL: `sqs://127.0.0.1:${emulator.port}` });
    await emulator.stop();
    expect(code).toBe(4);
    expect(stderr).toMatch(/hikyaku-model_ready_to_deploy-deploy/);
  });

  it('is waited for by a worker, which goes on when it comes, goes and comes back', async () => {
    const port = await freePort();
    const url = `sqs://127.0.0.1:${port}`;
    const open = async () => {
      const emulator = await startFauxqs({ port, logger: false, dataDir: join(folder, 'queues') });
      const transport = await openTransport(url, config);
      await transport.provision();
      await transport.close();
      return emulator;
    };
    await (await open()).stop();
    const worker = startCli(['work', 'model_ready_to_deploy', '--json'], {
      TRANSPORT_URL: url,
      HIKYAKU_DIR: folder,
    });
    await worker.waitFor({ event: 'carrier_unavailable' });
    for (const version of ['1', '2']) {
      const emulator = await open();
      const evaluation = { ...GOOD, model_version: version };
      const emitted = await cli(['emit', file('good.json', evaluation), '--json'], { TRANSPORT_URL: url });
      expect(emitted.code, emitted.stderr).toBe(0);
      await worker.waitFor({ event: 'handled', id: emitted.events[0]?.['id'] });
      await emulator.stop();
    }
    worker.child.kill('SIGTERM');
    expect(await worker.exit).toBe(0);
    expect(worker.events().filter(({ event }) => event === 'carrier_back').length).toBeGreaterThan(0);
  }, 60_000);
});

describe('an old Node', () => {
  it('is told in one sentence what is missing', async () => {
    const bin = join(folder, 'bin', 'hikyaku.js');
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(folder, 'bin'), { recursive: true });
    copyFileSync('bin/hikyaku.js', bin);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const old =
      'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.1.0"}})';
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, ['--import', old, bin], (error, _stdout, text) =>
        resolve({ code: error?.code, stderr: text }),
      );
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Hikyaku needs Node 24 or newer.*\n$/);
  });
});
