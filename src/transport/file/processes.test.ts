import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { fileTransport } from '../../../test/support/file-transport.ts';
import { PING } from '../../../test/support/ping.ts';
import { frame } from './frame.ts';

const FAULT = new URL('../../../test/fault/', import.meta.url);
const WAIT = { timeout: 15_000, interval: 10 };
const EMPTY = { ready: 0, inFlight: 0, delayed: 0, dead: 0 };

/** A process of its own, and the lines it has said. */
function start(file: string, ...words: string[]) {
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(new URL(file, FAULT)), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout?.on('data', (chunk) => {
    said += String(chunk);
  });
  const lines = () =>
    said
      .split('\n')
      .slice(0, -1)
      .filter((line) => line !== 'ready' && line !== '');
  const ready = () => vi.waitUntil(() => said.startsWith('ready'), WAIT);
  const exit = new Promise((resolve) => child.once('close', resolve));
  return { child, lines, ready, exit };
}

const consumer = (root: string, leaseMs: number, most: number) =>
  start('file-consumer.ts', pathToFileURL(root).href, String(leaseMs), String(most));

const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `n${from + n}`, body: `{"n":${from + n}}`, headers: {} }));

describe('several processes', () => {
  it('share 2,000 files, each handed over once', async () => {
    const { transport, root } = await fileTransport();
    for (let n = 0; n < 1_000; n += 200) await transport.send('ping', numbered(n, 200));
    const consumers = [consumer(root, 30_000, 20), consumer(root, 30_000, 20)];
    for (const { ready } of consumers) await ready();
    for (let n = 1_000; n < 2_000; n += 100) await transport.send('ping', numbered(n, 100));
    await vi.waitFor(async () => expect(await transport.depth(PING)).toEqual(EMPTY), WAIT);
    const shares = consumers.map(({ lines }) => lines());
    expect(shares.flat()).toHaveLength(2_000);
    expect(new Set(shares.flat()).size).toBe(2_000);
    for (const share of shares) expect(share.length).toBeGreaterThan(100);
  }, 40_000);

  it('take over what one that was killed has held, once its lease is over, each once', async () => {
    const LEASE_MS = 2_000;
    const { transport, root } = await fileTransport();
    await transport.send('ping', numbered(0, 100));
    const holding = consumer(root, -LEASE_MS, 40);
    await vi.waitUntil(() => holding.lines().length === 80 || holding.lines().length === 100, WAIT);
    holding.child.kill('SIGKILL');
    await holding.exit;
    const killedAt = performance.now();
    const others = [consumer(root, 30_000, 10), consumer(root, 30_000, 10)];
    await vi.waitFor(async () => expect(await transport.depth(PING)).toEqual(EMPTY), WAIT);
    expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + 3_000);
    const handled = others.flatMap(({ lines }) => lines());
    expect(handled.toSorted()).toEqual(
      numbered(0, 100)
        .map(({ id }) => id)
        .toSorted(),
    );
  }, 40_000);

  it('lose nothing that was accepted from a producer that is killed, and see nothing half', async () => {
    const { transport, root, folder } = await fileTransport();
    const accepted: string[] = [];
    for (let round = 0; round < 5; round++) {
      const producer = start('file-producer.ts', pathToFileURL(root).href);
      await vi.waitUntil(() => producer.lines().length > 40 + round * 7, WAIT);
      producer.child.kill('SIGKILL');
      await producer.exit;
      accepted.push(...producer.lines());
      const files = readdirSync(folder('new'));
      const ids = files.map(
        (name) => frame.decode(readFileSync(folder(`new/${name}`), 'utf8'), { topic: 'ping' }).id,
      );
      for (const id of producer.lines()) expect(ids).toContain(id);
      for (;;) {
        const received = await transport.receive(PING, { max: 200, waitMs: 0, leaseMs: 30_000 });
        if (received.length === 0) break;
        for (const { body } of received) expect(body).toBe('x'.repeat(20_000));
        const acks = received.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
        expect(await transport.settle(PING, acks)).toEqual(acks.map(() => 'settled'));
      }
    }
    expect(accepted.length).toBeGreaterThan(200);
    // What was being written is in nobody's way, and removed when it is old.
    const left = readdirSync(folder('.tmp'));
    for (const name of left) utimesSync(folder(`.tmp/${name}`), 0, 0);
    writeFileSync(folder('.tmp/young'), '');
    await transport.provision();
    expect(readdirSync(folder('.tmp'))).toEqual(['young']);
  }, 60_000);
});

describe('a consumer that waits', () => {
  it('begins within 20 ms of the renaming, by us or by another program, mostly', async () => {
    const { root, folder, transport } = await fileTransport();
    await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 30_000 });
    for (const name of ['1763740800000-%-aaaaaaaaaa.msg', 'report-%.json']) {
      const times: number[] = [];
      for (let n = 0; n < 30; n++) {
        const waiting = transport.receive(PING, { max: 1, waitMs: 10_000, leaseMs: 30_000 });
        await new Promise(setImmediate);
        writeFileSync(join(root, 'x'), '{}');
        const renamedAt = performance.now();
        renameSync(join(root, 'x'), folder(`new/${name.replace('%', String(n).padStart(6, '0'))}`));
        expect(await waiting).toHaveLength(1);
        times.push(performance.now() - renamedAt);
      }
      expect(times.toSorted((a, b) => a - b)[15]).toBeLessThan(20);
    }
  });

  it.skipIf(process.platform !== 'linux')(
    'costs nothing while nothing comes',
    async () => {
      const { root } = await fileTransport();
      const idle = consumer(root, 30_000, 10);
      await idle.ready();
      const ticks = () => {
        const fields = readFileSync(`/proc/${idle.child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
        return Number(fields[11]) + Number(fields[12]);
      };
      // What is compiled and collected after the start.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const before = ticks();
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      // Of 600: one percent.
      expect(ticks() - before).toBeLessThan(6);
    },
    30_000,
  );
});
