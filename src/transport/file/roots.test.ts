import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileTransport, temporaryFolder } from '../../../test/support/file-transport.ts';
import { PING, topologyOf } from '../../../test/support/ping.ts';
import { createFileTransport } from './file.ts';

const CHILD = fileURLToPath(new URL('../../../test/fault/file-calls.ts', import.meta.url));
const AS_ROOT = process.getuid?.() === 0 && process.platform === 'linux';
const NOBODY = 65_534;
const OPTIONS = { layout: 'nested', retentionMs: 0 } as const;
const message = (id: string, body = '{}') => ({ id, body, headers: {} });
const receive = { max: 10, waitMs: 0, leaseMs: 30_000 };

function open(root: string) {
  const transport = createFileTransport(topologyOf('ping', 'test'), { ...OPTIONS, root });
  onTestFinished(() => transport.close());
  return transport;
}

/** What a user without rights is answered by each call. */
function asNobody(root: string): Record<string, { code: string; message: string } | 'done'> {
  const child = spawnSync(process.execPath, [CHILD, pathToFileURL(root).href], {
    encoding: 'utf8',
    ...(AS_ROOT && { uid: NOBODY, gid: NOBODY }),
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

function mount(folder: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  onTestFinished(() => void execFileSync('umount', ['-l', folder]));
}

describe('a root', () => {
  it('that is a file is refused', async () => {
    const root = join(temporaryFolder(), 'mq');
    writeFileSync(root, '');
    const transport = open(root);
    const refused = {
      code: 'Invalid',
      retryable: false,
      message: `${root} is not a folder: name one in TRANSPORT_URL, or move away what stands there`,
    };
    for (const call of [
      () => transport.provision(),
      () => transport.verify(),
      () => transport.send('ping', [message('1')]),
      () => transport.receive(PING, receive),
      () => transport.depth(PING),
      () => transport.deadLetters.scan(PING, { max: 1, leaseMs: 1_000 }),
    ]) {
      await expect(call()).rejects.toMatchObject(refused);
    }
  });

  it('below a file is refused', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    for (const call of ['provision', 'verify'] as const) {
      await expect(open(join(file, 'mq'))[call]()).rejects.toMatchObject({
        code: 'Invalid',
        message: expect.stringContaining('ENOTDIR: a part of the path is a file'),
      });
    }
  });

  it('is made, with all above it, by who provisions', async () => {
    const root = join(temporaryFolder(), 'a/b/c');
    const transport = open(root);
    await expect(transport.verify()).rejects.toMatchObject({ code: 'NotFound' });
    await transport.provision();
    await transport.verify();
    expect(readdirSync(join(root, 'ping/test')).toSorted()).toEqual([
      '.tmp',
      'archive',
      'dead',
      'delayed',
      'inflight',
      'new',
    ]);
  });

  it('that others may not write to is refused', () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o555);
    const answers = asNobody(join(folder, 'mq'));
    expect(answers['provision']).toMatchObject({
      code: 'Denied',
      message: expect.stringContaining('give this user the right to read and write there'),
    });
    expect(answers['verify']).toMatchObject({ code: 'NotFound' });
    expect(answers['send']).toMatchObject({ code: 'NotFound' });
    chmodSync(folder, 0o755);
  });

  it('may stand where its user may pass and not look', () => {
    const folder = temporaryFolder();
    const root = join(folder, 'mq');
    mkdirSync(root);
    chmodSync(root, 0o777);
    chmodSync(folder, 0o311);
    expect(asNobody(root)).toEqual({ provision: 'done', verify: 'done', send: 'done' });
    chmodSync(folder, 0o755);
  });

  it('with folders that others may not write to is refused, and nothing is accepted', async () => {
    const { root, folder, transport } = await fileTransport();
    chmodSync(root, 0o755);
    for (const name of readdirSync(folder(''))) chmodSync(folder(name), 0o555);
    const answers = asNobody(root);
    for (const call of ['verify', 'send']) {
      expect(answers[call]).toMatchObject({ code: 'Denied', message: expect.stringContaining('EACCES') });
    }
    expect(await transport.depth(PING)).toMatchObject({ ready: 0 });
    for (const name of readdirSync(folder(''))) chmodSync(folder(name), 0o755);
  });

  it('may be a symbolic link; what is below may not', async () => {
    const outside = temporaryFolder();
    const link = join(temporaryFolder(), 'link');
    symlinkSync(outside, link);
    await open(link).provision();
    expect(readdirSync(outside)).toEqual(['ping']);

    const { root, folder, transport } = await fileTransport();
    const other = open(root);
    renameSync(folder('new'), join(outside, 'new'));
    symlinkSync(join(outside, 'new'), folder('new'));
    const refused = { code: 'Invalid', message: expect.stringContaining('new is a symbolic link') };
    await expect(other.verify()).rejects.toMatchObject(refused);
    await expect(other.provision()).rejects.toMatchObject(refused);
    await expect(other.send('ping', [message('1')])).rejects.toMatchObject(refused);
    await expect(transport.receive(PING, receive)).rejects.toMatchObject(refused);
    expect(readdirSync(join(outside, 'new'))).toEqual([]);

    const elsewhere = temporaryFolder();
    symlinkSync(outside, join(elsewhere, 'ping'));
    await expect(open(elsewhere).provision()).rejects.toMatchObject({ code: 'Invalid' });
  });

  it.skipIf(!AS_ROOT)('on two file systems is refused', async () => {
    const { root, folder } = await fileTransport();
    mount(folder('inflight'), 'size=1m');
    const refused = { code: 'Invalid', message: expect.stringContaining('on different file systems') };
    await expect(open(root).verify()).rejects.toMatchObject(refused);
    await expect(open(root).receive(PING, receive)).rejects.toMatchObject(refused);
    await expect(open(root).send('ping', [message('1')])).rejects.toMatchObject(refused);
  });

  it.skipIf(!AS_ROOT)('that turns read-only accepts nothing', async () => {
    const root = temporaryFolder();
    mount(root, 'size=1m');
    const { transport } = await fileTransport({ root });
    execFileSync('mount', ['-o', 'remount,ro', root]);
    const [outcome] = await transport.send('ping', [message('1')]);
    expect(outcome).toMatchObject({
      error: { code: 'Denied', message: expect.stringContaining('mounted read-only') },
      missing: ['test'],
    });
    await expect(transport.verify()).rejects.toMatchObject({ code: 'Denied' });
  });

  it.skipIf(!AS_ROOT)(
    'that is full accepts nothing more, keeps what it has, and goes on being consumed',
    async () => {
      const root = temporaryFolder();
      mount(root, 'size=1m');
      const { transport, folder } = await fileTransport({ root });
      const bodies = Array.from({ length: 30 }, (_, n) => message(`${n}`, 'x'.repeat(60_000)));
      const outcomes = await transport.send('ping', bodies);
      const accepted = bodies.filter((_, n) => outcomes[n] === 'accepted').map(({ id }) => id);
      expect(accepted.length).toBeGreaterThan(0);
      expect(accepted.length).toBeLessThan(20);
      for (const outcome of outcomes) {
        if (outcome === 'accepted') continue;
        expect(outcome).toMatchObject({
          error: { code: 'Throttled', retryable: true, message: expect.stringContaining('the disk is full') },
          missing: ['test'],
        });
      }
      expect(readdirSync(folder('.tmp'))).toEqual([]);
      const files = readdirSync(folder('new'));
      expect(files).toHaveLength(accepted.length);
      for (const name of files) expect(readFileSync(folder(`new/${name}`), 'utf8')).toMatch(/\nx{60000}$/);

      // What fills the rest to the last byte.
      for (let size = 65_536; size >= 1; size = size >>> 1) {
        try {
          for (let n = 0; n < 20; n++) writeFileSync(join(root, `filler-${size}-${n}`), 'x'.repeat(size));
        } catch {
          // Full.
        }
      }
      const received = await transport.receive(PING, { ...receive, max: 100 });
      expect(received.map(({ id }) => id).toSorted()).toEqual(accepted.toSorted());
      const [first, ...rest] = received;
      if (first === undefined) return expect.unreachable();
      const dead = { receipt: first.receipt, action: 'deadLetter', headers: {} } as const;
      expect(await transport.settle(PING, [dead])).toMatchObject([{ code: 'Throttled' }]);
      const acks = rest.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
      expect(await transport.settle(PING, acks)).toEqual(acks.map(() => 'settled'));
      expect(await transport.settle(PING, [dead])).toEqual(['settled']);
      expect(await transport.send('ping', [message('again')])).toEqual(['accepted']);
      expect(await transport.depth(PING)).toEqual({ ready: 1, inFlight: 0, delayed: 0, dead: 1 });
    },
  );
});

describe('a copy that cannot be stored', () => {
  it('is the only one that is sent again', async () => {
    const { transport, root } = await fileTransport({}, 'a', 'b');
    expect(await transport.send('ping', [message('1')])).toEqual(['accepted']);
    rmSync(join(root, 'ping/b/.tmp'), { recursive: true });
    const [outcome] = await transport.send('ping', [message('2')]);
    expect(outcome).toMatchObject({ error: { code: 'NotFound' }, missing: ['b'] });
    mkdirSync(join(root, 'ping/b/.tmp'));
    expect(await transport.send('ping', [{ ...message('2'), only: ['b'] }])).toEqual(['accepted']);
    for (const subscription of ['a', 'b']) {
      const received = await transport.receive({ topic: 'ping', subscription }, receive);
      expect(received.map(({ id }) => id)).toEqual(['1', '2']);
    }
  });

  it('is told of when the folders were removed meanwhile, and not when they are back', async () => {
    const { transport, root } = await fileTransport();
    await transport.send('ping', [message('0')]);
    expect(await transport.receive(PING, receive)).toHaveLength(1);
    const waiting = transport.receive(PING, { ...receive, waitMs: 20_000 });
    rmSync(join(root, 'ping'), { recursive: true });
    await expect(waiting).rejects.toMatchObject({ code: 'NotFound' });
    expect(await transport.send('ping', [message('1')])).toMatchObject([{ error: { code: 'NotFound' } }]);
    await expect(transport.send('ping', [message('1')])).rejects.toMatchObject({ code: 'NotFound' });
    await transport.provision();
    expect(await transport.send('ping', [message('1')])).toEqual(['accepted']);
    expect(await transport.receive(PING, receive)).toMatchObject([{ id: '1' }]);
  });
});

describe('a folder that is away for a moment', () => {
  it('leaves nothing untaken once it is back', async () => {
    const { transport, folder } = await fileTransport();
    expect(await transport.receive(PING, receive)).toEqual([]);
    await transport.send('ping', [message('1'), message('2')]);
    rmSync(folder('inflight'), { recursive: true });
    await expect(transport.receive(PING, receive)).rejects.toMatchObject({ code: 'NotFound' });
    await transport.provision();
    const received = await transport.receive(PING, receive);
    expect(received.map(({ id }) => id)).toEqual(['1', '2']);
  });
});

describe('the flat layout', () => {
  it('has the folders of a subscription in the topic, and takes one', async () => {
    const { transport, root } = await fileTransport({ layout: 'flat' });
    await transport.send('ping', [message('1')]);
    expect(readdirSync(join(root, 'ping/new'))).toHaveLength(1);
    const flat = () =>
      createFileTransport(topologyOf('ping', 'a', 'b'), { ...OPTIONS, layout: 'flat', root });
    expect(flat).toThrow(expect.objectContaining({ code: 'Unsupported' }));
  });
});
