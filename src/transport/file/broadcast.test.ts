import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { fileTransport, temporaryFolder } from '../../../test/support/file-transport.ts';
import type { TransportError } from '../errors.ts';
import type { Notice, Transport } from '../transport.ts';

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>();
  return { ...real, readdir: vi.fn(real.readdir) };
});

const CHILD = fileURLToPath(new URL('../../../test/fault/file-listener.ts', import.meta.url));
const WAIT = { timeout: 10_000, interval: 10 };
const notices = (count: number): Notice[] =>
  Array.from({ length: count }, (_, n) => ({ id: `n${n}`, body: `{"n":${n}} 飛脚`, headers: { a: `${n}` } }));

/** Begins to listen, and notes what is told from then on. */
function beginToListen(transport: Transport, topic = 'ping') {
  const heard: Notice[] = [];
  const away: TransportError[] = [];
  const gaps: TransportError[] = [];
  const listening = transport.broadcast?.listen(topic, {
    onNotice: (notice) => void heard.push(notice),
    onAway: (reason) => void away.push(reason),
    onGap: (reason) => void gaps.push(reason),
  });
  if (listening === undefined) throw new Error('it does not broadcast');
  return { heard, away, gaps, listening };
}

async function listen(transport: Transport, topic = 'ping') {
  const { listening, ...told } = beginToListen(transport, topic);
  const { close } = await listening;
  return { ...told, close };
}

/** The next folder that is read cannot be, which root could not be kept from. */
function refuseToRead(): void {
  vi.mocked(readdir).mockRejectedValueOnce(Object.assign(new Error('refused'), { code: 'EACCES' }));
}

const notify = async (transport: Transport, sent: readonly Notice[], topic = 'ping') =>
  expect(await transport.broadcast?.notify(topic, sent)).toEqual(sent.map(() => 'accepted'));

describe('a broadcast on files', () => {
  it('reaches all who listen, once each and in order, also without a subscription', async () => {
    const { transport, open } = await fileTransport();
    expect(transport.capabilities.has('broadcast')).toBe(true);
    const all = [
      await listen(transport, 'news'),
      await listen(transport, 'news'),
      await listen(open(), 'news'),
    ];
    const other = await listen(transport, 'ping');
    const sent = notices(150);
    const startedAt = performance.now();
    await notify(open(), sent, 'news');
    for (const { heard } of all) await vi.waitUntil(() => heard.length >= sent.length, WAIT);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    for (const { heard, gaps } of all) {
      expect(heard).toEqual(sent);
      expect(gaps).toEqual([]);
    }
    expect(other.heard).toEqual([]);
  });

  it('reaches nobody who begins later, or has ended', async () => {
    const { transport } = await fileTransport();
    const [before, after] = notices(2);
    if (before === undefined || after === undefined) return expect.unreachable();
    const early = await listen(transport);
    await notify(transport, [before]);
    const late = await listen(transport);
    await vi.waitUntil(() => early.heard.length === 1, WAIT);
    await early.close();
    await notify(transport, [after]);
    await vi.waitUntil(() => late.heard.length === 1, WAIT);
    // Now and then it looks at all that is there, also at what is older.
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    expect(late.heard).toEqual([after]);
    expect(early.heard).toEqual([before]);
  });

  it('tells nothing more to who ends in the middle of it', async () => {
    const { transport } = await fileTransport();
    const all = await listen(transport);
    const heard: Notice[] = [];
    const ending = await transport.broadcast?.listen('ping', {
      onNotice(notice) {
        heard.push(notice);
        void ending?.close();
      },
      onAway: () => undefined,
      onGap: () => undefined,
    });
    await notify(transport, notices(50));
    await vi.waitUntil(() => all.heard.length === 50, WAIT);
    expect(heard).toHaveLength(1);
  });

  it('reaches other processes, and not what was killed while it wrote', async () => {
    const { transport, root } = await fileTransport();
    const child: ChildProcess = spawn(process.execPath, [CHILD, pathToFileURL(root).href], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stdout?.on('data', (chunk) => {
      said += String(chunk);
    });
    await vi.waitUntil(() => said.includes('listening'), WAIT);
    writeFileSync(join(root, `ping/.broadcast/.${Date.now()}-000000-aaaaaaaaaa.msg`), 'half');
    await notify(transport, notices(3));
    await vi.waitUntil(() => said.includes('n2'), WAIT);
    expect(said.trim().split('\n')).toEqual(['listening', 'n0', 'n1', 'n2']);
  });

  it('says that it may have missed something when its folder was removed, and listens again', async () => {
    const { transport, root } = await fileTransport();
    const { heard, away, gaps } = await listen(transport);
    rmSync(join(root, 'ping/.broadcast'), { recursive: true });
    await vi.waitUntil(() => gaps.length === 1, WAIT);
    expect(gaps[0]).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(away).toEqual(gaps);
    await notify(transport, notices(1));
    await vi.waitUntil(() => heard.length === 1, WAIT);
    expect(gaps).toHaveLength(1);
  });

  it('leaves nothing for long', async () => {
    const { transport, root } = await fileTransport();
    const folder = join(root, 'ping/.broadcast');
    const old = `${Date.now() - 60_000}-000000-aaaaaaaaaa.msg`;
    mkdirSync(folder);
    for (const name of [old, `.${old}`, 'of-others']) writeFileSync(join(folder, name), '');
    await notify(transport, notices(1));
    const left = readdirSync(folder);
    expect(left).toHaveLength(2);
    expect(left).toContain('of-others');
    const { heard } = await listen(transport);
    expect(heard).toEqual([]);
  });

  it('listens on beside what it cannot remove, and removes the rest', async () => {
    const { transport, root } = await fileTransport();
    const { heard, away, gaps } = await listen(transport);
    const old = (name: string) => join(root, `ping/.broadcast/${Date.now() - 60_000}-${name}-aaaaaaaaaa.msg`);
    // What cannot be removed: it is no file.
    const stays = old('000000');
    mkdirSync(stays);
    const goes = old('000001');
    writeFileSync(goes, '');
    await vi.waitUntil(() => !existsSync(goes), WAIT);
    await notify(transport, notices(1));
    await vi.waitUntil(() => heard.length === 1, WAIT);
    expect(existsSync(stays)).toBe(true);
    expect([...away, ...gaps]).toEqual([]);
  });

  it('has said what it said, also when it cannot look for what is old', async () => {
    const { transport } = await fileTransport();
    refuseToRead();
    await notify(transport, notices(1));
    await expect(vi.mocked(readdir).mock.results.at(-1)?.value).rejects.toThrow('refused');
  });

  it('leaves nothing behind of a listen that could not begin', async () => {
    const { transport, root } = await fileTransport();
    refuseToRead();
    const refused = beginToListen(transport);
    await expect(refused.listening).rejects.toMatchObject({ code: 'Denied' });
    const { gaps } = await listen(transport);
    rmSync(join(root, 'ping/.broadcast'), { recursive: true });
    await vi.waitUntil(() => gaps.length === 1, WAIT);
    expect([...refused.away, ...refused.gaps]).toEqual([]);
  });

  it('refuses what it cannot carry, and each for itself', async () => {
    const { transport } = await fileTransport();
    const { heard } = await listen(transport);
    const [good] = notices(1);
    if (good === undefined) return expect.unreachable();
    const outcomes = await transport.broadcast?.notify('ping', [
      { ...good, body: 'x'.repeat(transport.limits.messageBytes) },
      { ...good, body: '\ud83d' },
      good,
    ]);
    expect(outcomes).toMatchObject([
      { error: { code: 'TooLarge' } },
      { error: { code: 'Invalid' } },
      'accepted',
    ]);
    await vi.waitUntil(() => heard.length === 1, WAIT);
    expect(heard).toEqual([good]);
  });

  it('stays where it belongs', async () => {
    const { transport, root } = await fileTransport();
    const outside = temporaryFolder();
    for (const topic of ['..', 'a/b', '.x', '']) {
      await expect(transport.broadcast?.notify(topic, notices(1))).rejects.toMatchObject({ code: 'Invalid' });
      await expect(listen(transport, topic)).rejects.toMatchObject({ code: 'Invalid' });
    }
    symlinkSync(outside, join(root, 'news'));
    await expect(transport.broadcast?.notify('news', notices(1))).rejects.toMatchObject({
      code: 'Invalid',
      message: expect.stringContaining('is a symbolic link'),
    });
    expect(readdirSync(outside)).toEqual([]);
    rmSync(root, { recursive: true });
    await expect(transport.broadcast?.notify('ping', notices(1))).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('ends with its transport', async () => {
    const { transport, open } = await fileTransport();
    const { heard } = await listen(transport);
    await transport.close();
    await notify(open(), notices(1));
    await expect(transport.broadcast?.notify('ping', notices(1))).rejects.toMatchObject({ code: 'Closed' });
    await expect(listen(transport)).rejects.toMatchObject({ code: 'Closed' });
    expect(heard).toEqual([]);
  });

  it('ends a listen that is under way with it', async () => {
    const { transport, open } = await fileTransport();
    const ended = beginToListen(transport);
    await transport.close();
    await expect(ended.listening).rejects.toMatchObject({ code: 'Closed' });
    const other = open();
    const { heard } = await listen(other);
    await notify(other, notices(1));
    await vi.waitUntil(() => heard.length === 1, WAIT);
    expect(ended.heard).toEqual([]);
  });
});
