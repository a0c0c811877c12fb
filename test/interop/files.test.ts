import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { listDeadLetters, Reject, replayDeadLetters } from '../../src/index.ts';
import { describeInterop, runPeer } from './peer.ts';
import { anything, openSystem, type System, topologyOf } from './system.ts';

const Usage = anything('disk_usage');
const MAIN = { topic: 'disk_usage', subscription: 'main' };

async function openFolder(): Promise<System & { readonly folder: (name: string) => string }> {
  const root = mkdtempSync(join(tmpdir(), 'hikyaku-reports-'));
  const system = await openSystem(`file://${root}?dialect=file-reports`, topologyOf('disk_usage', 'main'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return { ...system, folder: (name) => join(root, 'disk_usage', name) };
}

function read(peer: { readonly folder: (name: string) => string }): Promise<string[]> {
  return runPeer('reports', ['read', peer.folder('new'), peer.folder('archive')]);
}

describeInterop('files of other programs', { timeout: 30_000 }, () => {
  it('reads a report that theirs writes, and archives it as theirs does', async () => {
    const { folder, work } = await openFolder();
    const [line = ''] = await runPeer('reports', ['write', folder('new')]);
    const { name, text } = JSON.parse(line);
    const { messages, handled, stop } = work(Usage, 'main');
    await handled(1);
    await stop();
    expect(messages[0]).toMatchObject({ source: 'Data%20Team', data: JSON.parse(text) });
    expect([readdirSync(folder('new')), readdirSync(folder('archive'))]).toEqual([[], [name]]);
    expect(readFileSync(join(folder('archive'), name), 'utf8')).toBe(text);
  });

  it('writes reports that theirs reads, the latest first, to the byte', async () => {
    const peer = await openFolder();
    const { folder, publisher } = peer;
    const [line = ''] = await runPeer('reports', ['write', folder('new')]);
    const written = JSON.parse(line).text.replaceAll(/(\d+)\.0\b/g, '$1.5');
    await read(peer).catch(() => undefined);
    for (const percent of [82, 83]) {
      const report = JSON.parse(
        written.replace('"disk_usage_percent": 81', `"disk_usage_percent": ${percent}`),
      );
      await publisher.publish(Usage, report);
    }
    const names = readdirSync(folder('new'));
    expect(names.every((name) => /^resource_report_\d{20}\.json$/.test(name))).toBe(true);
    expect(names).toHaveLength(2);
    for (const percent of [83, 82]) {
      const [report = ''] = await read(peer);
      expect(JSON.parse(report).text).toBe(
        written.replace('"disk_usage_percent": 81', `"disk_usage_percent": ${percent}`),
      );
    }
    expect(await read(peer)).toEqual([]);
  });

  it('keeps what is no report: a copy as theirs does, and a dead letter that says why', async () => {
    const { folder, work, transport } = await openFolder();
    writeFileSync(join(folder('new'), 'resource_report_20251117100000000000.json.tmp'), '{"half');
    writeFileSync(join(folder('new'), 'resource_report_20251117100000000001.json'), '{"half');
    const worker = work(Usage, 'main');
    await expect.poll(async () => (await transport.depth(MAIN)).dead, { timeout: 20_000 }).toBe(1);
    await worker.stop();
    const corrupted = join(folder('archive'), 'resource_report_20251117100000000001.json.corrupted');
    expect(readFileSync(corrupted, 'utf8')).toBe('{"half');
    const [letter] = await listDeadLetters(transport, MAIN, {});
    expect(letter).toMatchObject({ body: '{"half', reason: { code: 'malformed' } });
    expect(readdirSync(folder('new'))).toEqual(['resource_report_20251117100000000000.json.tmp']);
  });

  it('gives up a report with its bytes, and replays it as theirs can read it', async () => {
    const peer = await openFolder();
    const { folder, work, transport } = peer;
    const [line = ''] = await runPeer('reports', ['write', folder('new')]);
    const worker = work(Usage, 'main', () => {
      throw new Reject('of no use');
    });
    await expect.poll(async () => (await transport.depth(MAIN)).dead, { timeout: 20_000 }).toBe(1);
    await worker.stop();
    const [letter] = await listDeadLetters(transport, MAIN, {});
    expect(letter?.reason).toMatchObject({ code: 'rejected', message: 'of no use' });
    await replayDeadLetters(transport, MAIN, {});
    const [again = ''] = await read(peer);
    expect(JSON.parse(again).text).toBe(JSON.parse(line).text);
  });
});
