import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fileTransport, temporaryFolder } from '../../../test/support/file-transport.ts';
import { PING } from '../../../test/support/ping.ts';
import { deadLetterHeaders, readDeadLetterReason, replayHeaders } from '../../message/dead-letter.ts';
import type { Incoming, Transport } from '../transport.ts';
import { parseName } from './entry-name.ts';
import { MOST_FILE_BYTES } from './limits.ts';

const LEASE = { leaseMs: 30_000 };
const poll = (transport: Transport) => transport.receive(PING, { max: 10, waitMs: 0, ...LEASE });

async function one(transport: Transport, waitMs = 5_000): Promise<Incoming> {
  const [received] = await transport.receive(PING, { max: 1, waitMs, ...LEASE });
  if (received === undefined) return expect.unreachable();
  return received;
}

/** A consumer that waits before anything comes, so that it is told of it and does not only find it. */
async function waiting(transport: Transport): Promise<{ readonly received: Promise<Incoming> }> {
  await poll(transport);
  return { received: one(transport, 15_000) };
}

async function deadLettered(transport: Transport, { receipt }: Incoming) {
  expect(await transport.settle(PING, [{ receipt, action: 'deadLetter', headers: { why: 'x' } }])).toEqual([
    'settled',
  ]);
  const [letter] = await transport.deadLetters.scan(PING, { max: 1, leaseMs: 60_000 });
  if (letter === undefined) return expect.unreachable();
  return letter;
}

describe("another program's file", () => {
  it('is taken at once when it is moved in, under its own name', async () => {
    const { transport, root, folder } = await fileTransport();
    writeFileSync(`${root}/report.json`, '{"a":1}');
    const { received } = await waiting(transport);
    const movedAt = performance.now();
    renameSync(`${root}/report.json`, folder('new/report.json'));
    const { receipt, ...rest } = await received;
    expect(performance.now() - movedAt).toBeLessThan(500);
    expect(rest).toMatchObject({ id: 'report.json', body: '{"a":1}', headers: {}, deliveries: 1 });
    expect(rest.enqueuedAt).toBeGreaterThan(Date.now() - 60_000);
    expect(await transport.settle(PING, [{ receipt, action: 'ack' }])).toEqual(['settled']);
    expect(readdirSync(folder('inflight'))).toEqual([]);
  });

  it('is taken when it was there before, also written long ago', async () => {
    const { transport, folder } = await fileTransport();
    writeFileSync(folder('new/a.json'), '{"a":1}');
    expect(await one(transport)).toMatchObject({ id: 'a.json', body: '{"a":1}' });
  });

  it('that is written slowly in place is taken whole, once', async () => {
    const { transport, folder } = await fileTransport();
    const { received } = await waiting(transport);
    const file = openSync(folder('new/slow.json'), 'w');
    const parts = ['{"said":', '"bit', ' by bit', ' by bit"}'];
    for (const part of parts) {
      await pause(400);
      writeSync(file, part);
    }
    closeSync(file);
    expect((await received).body).toBe(parts.join(''));
    expect(await poll(transport)).toEqual([]);
  });

  it.each([
    ['JSON', '{"said":', '"all"}'],
    ['our frame', '{"hikyaku":1,"id":"x","bytes":14}\n', '{"said":"all"}'],
    ['a character', Buffer.from('飛').subarray(0, 2), Buffer.from('飛').subarray(2)],
  ])('that pauses in the middle of %s is waited for', async (_, first, second) => {
    const { transport, folder } = await fileTransport();
    const { received } = await waiting(transport);
    writeFileSync(folder('new/slow'), first);
    await pause(2_500);
    appendFileSync(folder('new/slow'), second);
    expect((await received).body).toMatch(/^(?:\{"said":"all"\}|飛)$/);
  });

  it.each([
    ['too long for the next', `1700000000000+1.1.0123456789-a~${'x'.repeat(222)}`],
    ['as often delivered as can be', '1700000000000+1.999999.0123456789-a~x'],
  ])('is taken, and given up, where its name is made up as ours, %s', async (_, name) => {
    const { transport, folder } = await fileTransport();
    writeFileSync(folder(`new/${name}`), 'made up');
    const received = await one(transport);
    expect(received.body).toBe('made up');
    const [taken = ''] = readdirSync(folder('inflight'));
    expect(parseName(taken)?.deliveries).toBe(received.deliveries);
    expect((await deadLettered(transport, received)).body).toBe('made up');
  });

  it('is not taken while it has a temporary or hidden name', async () => {
    const { transport, folder } = await fileTransport();
    for (const name of ['a.tmp', '.b', '.c.json.swp']) writeFileSync(folder(`new/${name}`), '{}');
    expect(await transport.receive(PING, { max: 3, waitMs: 1_500, ...LEASE })).toEqual([]);
    expect(await transport.depth(PING)).toMatchObject({ ready: 0 });
    renameSync(folder('new/a.tmp'), folder('new/a'));
    expect(await one(transport)).toMatchObject({ id: 'a' });
    expect(readdirSync(folder('new')).toSorted()).toEqual(['.b', '.c.json.swp']);
  });

  it('may have our frame, with as much in it as it likes to say', async () => {
    const { transport, folder } = await fileTransport();
    writeFileSync(folder('new/framed'), '{"hikyaku":1,"key":"k","headers":{"a":"b"}}\nthe body\n');
    expect(await one(transport)).toMatchObject({
      id: 'framed',
      key: 'k',
      headers: { a: 'b' },
      body: 'the body\n',
    });
  });

  it('keeps its name through retries, leases and the archive, and another of that name its own', async () => {
    const { transport, folder } = await fileTransport({ retentionMs: 3_600_000 });
    const put = (text: string) => {
      writeFileSync(folder('new/report.json.tmp'), text);
      renameSync(folder('new/report.json.tmp'), folder('new/report.json'));
    };
    put('{"n":1}');
    const first = await one(transport);
    put('{"n":2}');
    const second = await one(transport);
    await transport.settle(PING, [{ receipt: first.receipt, action: 'retry', delayMs: 10 }]);
    const again = await one(transport);
    expect(again).toMatchObject({ id: 'report.json', body: '{"n":1}', deliveries: 2 });
    for (const { receipt } of [again, second]) {
      expect(await transport.settle(PING, [{ receipt, action: 'ack' }])).toEqual(['settled']);
    }
    const kept = readdirSync(folder('archive')).toSorted();
    expect(kept).toHaveLength(2);
    expect(kept).toContain('report.json');
    expect(kept.every((name) => name.endsWith('report.json'))).toBe(true);
    expect(kept.map((name) => readFileSync(folder(`archive/${name}`), 'utf8')).toSorted()).toEqual([
      '{"n":1}',
      '{"n":2}',
    ]);
  });

  it('keeps to its folders, whatever it is called', async () => {
    const { transport, folder, own, root } = await fileTransport({ retentionMs: 3_600_000 });
    const before = [readdirSync(root), readdirSync(own)];
    const marked = '1763740800000+0.1.aaaaaaaaaa-0~';
    const names = [
      `${marked}..`,
      `${marked}.`,
      marked,
      `${marked}.hidden`,
      '%2e%2e%2fx',
      'a\nb',
      '__proto__',
      'x'.repeat(255),
      '飛'.repeat(85),
    ];
    for (const name of [...names, '..~', '...']) writeFileSync(folder(`new/${name}`), '{}');
    const take = async () => {
      const taken: Incoming[] = [];
      while (taken.length < names.length) taken.push(await one(transport));
      return taken;
    };
    const ids = new Set<string>();
    for (const { id, receipt } of await take()) {
      ids.add(id);
      expect(names.some((name) => name.startsWith(id.slice(0, 40)))).toBe(true);
      const retry = { receipt, action: 'retry', delayMs: 0 } as const;
      expect(await transport.settle(PING, [retry])).toEqual(['settled']);
    }
    for (const { id, receipt } of await take()) {
      expect(ids).toContain(id);
      expect(await transport.settle(PING, [{ receipt, action: 'ack' }])).toEqual(['settled']);
    }
    expect(ids.size).toBe(names.length);
    expect(readdirSync(folder('archive'))).toHaveLength(names.length);
    expect(readdirSync(folder('new')).toSorted()).toEqual(['...', '..~']);
    expect([readdirSync(root), readdirSync(own)]).toEqual(before);
  });
});

describe('the largest file that is read', () => {
  const long = 'x'.repeat(1_000);
  const failures = Array.from({ length: 8 }, (_, n) => ({ attempt: n + 1, at: '', error: long }));
  const why = { code: 'exhausted', message: long, at: '', attempts: 9, history: failures } as const;

  it.each([
    ['as it is', ''],
    ['in our frame', '{"hikyaku":1,"headers":{"a":"b"}}\n'],
  ])('%s, is read as a dead letter and as a replay too, each time', async (_, line) => {
    const { transport, root, folder } = await fileTransport();
    const body = 'x'.repeat(MOST_FILE_BYTES - line.length);
    const { received } = await waiting(transport);
    writeFileSync(`${root}/large`, line + body);
    renameSync(`${root}/large`, folder('new/large'));
    let message = await received;
    for (let times = 1; times <= 2; times++) {
      expect(message.body === body).toBe(true);
      const headers = deadLetterHeaders(why);
      await transport.settle(PING, [{ receipt: message.receipt, action: 'deadLetter', headers }]);
      const [letter] = await transport.deadLetters.scan(PING, { max: 1, leaseMs: 60_000 });
      if (letter === undefined) return expect.unreachable();
      expect(letter.body === body).toBe(true);
      expect(readDeadLetterReason(letter.headers)).toMatchObject({ code: 'exhausted', attempts: 9 });
      const replay = { letter, headers: replayHeaders(letter.headers) };
      expect(await transport.deadLetters.replay(PING, [replay])).toEqual(['settled']);
      message = await one(transport);
      expect(message.headers).toMatchObject({ 'hikyaku-replays': `${times}` });
    }
  });
});

describe('what is no message', () => {
  it('is given up with its bytes, and says why', async () => {
    const { transport, folder } = await fileTransport();
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
    writeFileSync(folder('new/broken.json'), bytes);
    const received = await one(transport, 15_000);
    expect(received).toMatchObject({ id: 'broken.json', body: '' });
    const letter = await deadLettered(transport, received);
    expect(letter).toMatchObject({ id: 'broken.json', body: '' });
    expect(readDeadLetterReason(letter.headers)).toMatchObject({
      code: 'malformed',
      message: 'the file is not UTF-8',
    });
    await transport.deadLetters.release(PING, [letter]);
    expect(readFileSync(folder('dead/broken.json'))).toEqual(bytes);
    const [again] = await transport.deadLetters.scan(PING, { max: 1, leaseMs: 60_000 });
    if (again === undefined) return expect.unreachable();
    expect(await transport.deadLetters.replay(PING, [{ letter: again, headers: {} }])).toEqual(['settled']);
    expect(await one(transport)).toMatchObject({ id: 'broken.json', deliveries: 1 });
  });

  it('is never read when it is far too large for one', async () => {
    const { transport, folder } = await fileTransport();
    writeFileSync(folder('.tmp/large'), '');
    truncateSync(folder('.tmp/large'), 3_000_000_000);
    const { received } = await waiting(transport);
    renameSync(folder('.tmp/large'), folder('new/large'));
    expect(await received).toMatchObject({ id: 'large', body: '' });
    const letter = await deadLettered(transport, await received);
    expect(readDeadLetterReason(letter.headers).message).toMatch(/^the file has 3000000000 bytes: at most/);
  });

  it('is what has one byte too many, and says so wherever it is', async () => {
    const { transport, root, folder } = await fileTransport();
    const { received } = await waiting(transport);
    writeFileSync(`${root}/large`, 'x'.repeat(MOST_FILE_BYTES + 1));
    renameSync(`${root}/large`, folder('new/large'));
    expect(await received).toMatchObject({ id: 'large', body: '' });
    const letter = await deadLettered(transport, await received);
    expect(letter.body).toBe('');
    expect(readDeadLetterReason(letter.headers)).toMatchObject({
      code: 'malformed',
      message: 'the file has 1114113 bytes: at most 1114112 are read',
    });
    expect(await transport.deadLetters.replay(PING, [{ letter, headers: {} }])).toEqual(['settled']);
    expect(await one(transport)).toMatchObject({ id: 'large', body: '' });
  });

  it.each([
    ['cannot be read', '{"hikyaku":1,"id":7}\n{}'],
    ['is cut off', '{"hikyaku":1,"id":"x"'],
    ['says more than there is', '{"hikyaku":1,"id":"x","bytes":100}\n{}'],
  ])('with a frame that %s comes as it is, and so does its dead letter', async (_, text) => {
    const { transport, root, folder } = await fileTransport();
    const { received } = await waiting(transport);
    writeFileSync(`${root}/x`, text);
    renameSync(`${root}/x`, folder('new/x'));
    expect(await received).toMatchObject({ id: 'x', body: text });
    expect(await deadLettered(transport, await received)).toMatchObject({
      id: 'x',
      body: text,
      headers: { why: 'x' },
    });
  });

  it('is left alone: folders, and symbolic links wherever they lead', async () => {
    const { transport, folder } = await fileTransport();
    const outside = temporaryFolder();
    const ours = '1763740800000-000000-aaaaaaaaaa.msg';
    writeFileSync(`${outside}/secret`, '{"secret":1}');
    await poll(transport);
    const received = transport.receive(PING, { max: 9, waitMs: 2_000, ...LEASE });
    mkdirSync(folder('new/folder'));
    mkdirSync(folder('new/1763740800000-000001-aaaaaaaaaa.msg'));
    symlinkSync(`${outside}/secret`, folder('new/link'));
    symlinkSync(`${outside}/secret`, folder(`new/${ours}`));
    symlinkSync(outside, folder('new/to-folder'));
    expect(await received).toEqual([]);
    expect(await poll(transport)).toEqual([]);
    expect(await transport.depth(PING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
    expect(readdirSync(folder('new'))).toHaveLength(5);
    expect(readdirSync(outside)).toEqual(['secret']);
  });
});
