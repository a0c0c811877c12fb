import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import {
  createBroadcaster,
  listDeadLetters,
  purgeDeadLetters,
  Reject,
  replayDeadLetters,
} from '../../src/index.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeInterop, runPeer, startPeer } from './peer.ts';
import { anything, openSystem, topologyOf } from './system.ts';

let redis: RedisServer;
let database = 0;

/** A database that no other test has. */
function nextUrl(): string {
  database++;
  return `${redis.url}/${database}`;
}

async function fieldsAt(url: string, stream: string): Promise<Record<string, string>[]> {
  const client = redis.admin.duplicate({ db: Number(new URL(url).pathname.slice(1)), lazyConnect: false });
  const entries = await client.xrange(stream, '-', '+');
  client.disconnect();
  return entries.map(([, fields]) =>
    Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, at) => [fields[at * 2], fields[at * 2 + 1]]),
    ),
  );
}

describeInterop('streams of other programs', { timeout: 30_000 }, () => {
  beforeAll(async () => {
    redis = await startRedis({ databases: '64' });
  }, 120_000);
  afterAll(() => redis.stop());

  const DocumentUpdated = anything('document_updated');
  const BUS = { topic: 'document_updated', subscription: 'search' };

  it('reads events that theirs publishes, by an ordinary handler', async () => {
    const url = nextUrl();
    const published = await runPeer('event_bus', [
      'publish',
      url,
      'document_updated',
      'RAGAgent',
      '{"document": "d-é", "size": 1.0}',
      '3',
    ]);
    const { work } = await openSystem(`${url}?dialect=event-bus`, topologyOf('document_updated', 'search'));
    const { messages, handled } = work(DocumentUpdated, 'search');
    await handled(3);
    expect(published).toHaveLength(3);
    expect(messages[0]).toMatchObject({
      source: 'RAGAgent',
      type: 'document_updated',
      data: { document: 'd-é', size: 1 },
    });
    expect(Math.abs(Date.parse(messages[0]?.time ?? '') - Date.now())).toBeLessThan(60_000);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(3);
  });

  it('writes events that theirs reads, in its own group and in one beside ours', async () => {
    const url = nextUrl();
    const { publisher } = await openSystem(
      `${url}?dialect=event-bus`,
      topologyOf('document_updated', 'search'),
    );
    await publisher.publish(DocumentUpdated, { document: 'd-é', parts: [1.5, null, true] });
    for (const group of ['group_document_updated', 'group_Indexer_document_updated']) {
      const [line = ''] = await runPeer('event_bus', ['consume', url, 'document_updated', group, '1']);
      const { data, source, fields } = JSON.parse(line);
      expect({ data, source }).toEqual({
        data: { document: 'd-é', parts: [1.5, null, true] },
        source: 'ours',
      });
      expect(Object.keys(fields)).toEqual(['type', 'source', 'data', 'timestamp', 'retry_count']);
      expect(fields.data).toBe('{"document": "d-\\u00e9", "parts": [1.5, null, true]}');
      expect(fields.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
    }
  });

  it('tries again for the group that failed, and for no other', async () => {
    const url = nextUrl();
    const { publisher, work } = await openSystem(
      `${url}?dialect=event-bus`,
      topologyOf('document_updated', 'search', 'audit'),
    );
    const attempts: number[] = [];
    const audit = work(DocumentUpdated, 'audit');
    const search = work(DocumentUpdated, 'search', (_, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('not yet');
    });
    await publisher.publish(DocumentUpdated, { document: 'd-1' });
    await Promise.all([search.handled(1), audit.handled(1)]);
    expect(attempts).toEqual([1, 2, 3]);
    expect(audit.messages).toHaveLength(1);
    const theirs = await runPeer('event_bus', ['consume', url, 'document_updated', 'group_other', '1']);
    expect(theirs).toHaveLength(1);
    expect(await fieldsAt(url, 'events:document_updated')).toHaveLength(1);
  });

  it('goes on counting where theirs has begun, and gives up with all of the history', async () => {
    const url = nextUrl();
    const peer = ['consume', url, 'document_updated', 'group_other', '1', 'fail'];
    await runPeer('event_bus', ['publish', url, 'document_updated', 'a', '{"n": 1}']);
    // It adds the entry anew, with a higher count.
    await runPeer('event_bus', peer);
    await runPeer('event_bus', peer);
    const { work, transport } = await openSystem(
      `${url}?dialect=event-bus`,
      topologyOf('document_updated', 'search'),
    );
    const attempts: number[] = [];
    const worker = work(DocumentUpdated, 'search', (_, { attempt }) => {
      attempts.push(attempt);
      throw new Error('boom');
    });
    await expect.poll(async () => (await transport.depth(BUS)).dead, { timeout: 10_000 }).toBe(3);
    await worker.stop();
    expect(attempts.toSorted()).toEqual([1, 2, 2, 3, 3, 3, 4, 4, 4]);
    const letters = await fieldsAt(url, 'events:document_updated:dead_letter');
    for (const letter of letters) {
      expect(Object.keys(letter).slice(-3)).toEqual(['final_error', 'dead_letter_at', 'original_id']);
      expect(letter).toMatchObject({
        type: 'document_updated',
        data: '{"n": 1}',
        final_error: 'boom (exhausted, attempts: 4)',
      });
    }
    expect(letters.map((letter) => letter['retry_count']).toSorted()).toEqual(['0', '1', '2']);
    const shown = await listDeadLetters(transport, BUS, {});
    expect(shown.map(({ reason }) => [reason.code, reason.message, reason.attempts])).toEqual(
      Array.from({ length: 3 }, () => ['exhausted', 'boom', 4]),
    );
  });

  it('replays a dead letter of theirs as a new one, and purges another', async () => {
    const url = nextUrl();
    const peer = ['consume', url, 'document_updated', 'group_document_updated', '4', 'fail'];
    await runPeer('event_bus', ['publish', url, 'document_updated', 'a', '{"n": 7}']);
    await runPeer('event_bus', peer);
    await runPeer('event_bus', ['publish', url, 'document_updated', 'a', '{"n": 8}']);
    await runPeer('event_bus', peer);
    const { work, transport } = await openSystem(
      `${url}?dialect=event-bus`,
      topologyOf('document_updated', 'search'),
    );
    const letters = await listDeadLetters(transport, BUS, {});
    expect(letters.map(({ reason }) => reason.message)).toEqual(['boom', 'boom']);
    const [first, second] = letters.map(({ id }) => id);
    await replayDeadLetters(transport, BUS, { ids: [first ?? ''] });
    await purgeDeadLetters(transport, BUS, { ids: [second ?? ''] });
    const attempts: number[] = [];
    const { messages, handled } = work(
      DocumentUpdated,
      'search',
      (_, { attempt }) => void attempts.push(attempt),
    );
    await handled(1);
    expect([messages[0]?.data, messages[0]?.id, attempts]).toEqual([{ n: 7 }, first, [1]]);
    expect(await fieldsAt(url, 'events:document_updated:dead_letter')).toEqual([]);
  });

  it('takes over what a program of theirs took and never finished', async () => {
    const url = nextUrl();
    const topology = topologyOf('document_updated', 'search');
    const [first] = topology.topics;
    const hasty = {
      ...topology,
      topics: [
        { name: first?.name ?? '', subscriptions: [{ name: 'search', leaseMs: 2_000, maxDeliveries: 25 }] },
      ],
    };
    const { work } = await openSystem(`${url}?dialect=event-bus`, hasty);
    await runPeer('event_bus', ['publish', url, 'document_updated', 'a', '{"n": 1}']);
    const client = redis.admin.duplicate({ db: database, lazyConnect: false });
    await client.xreadgroup(
      'GROUP',
      'group_document_updated',
      'consumer_1700000000.12',
      'STREAMS',
      'events:document_updated',
      '>',
    );
    const takenAt = performance.now();
    const { handled } = work(DocumentUpdated, 'search');
    await handled(1);
    // The digits at the end of its name are no lease of ours.
    expect(performance.now() - takenAt).toBeGreaterThan(1_900);
    client.disconnect();
  });

  it('keeps an entry that is no event, with its fields and why', async () => {
    const url = nextUrl();
    const { work, transport } = await openSystem(
      `${url}?dialect=event-bus`,
      topologyOf('document_updated', 'search'),
    );
    const client = redis.admin.duplicate({ db: database, lazyConnect: false });
    await client.xadd('events:document_updated', '*', 'type', 'document_updated', 'data', '{"half', 'x', 'y');
    client.disconnect();
    work(DocumentUpdated, 'search');
    await expect.poll(async () => (await transport.depth(BUS)).dead).toBe(1);
    expect(await fieldsAt(url, 'events:document_updated:dead_letter')).toEqual([
      {
        type: 'document_updated',
        data: '{"half',
        x: 'y',
        final_error: 'its data is no JSON object (malformed, attempts: 0)',
        dead_letter_at: expect.any(String),
        original_id: expect.stringMatching(/^\d+-\d+$/),
      },
    ]);
  });

  const Planner = anything('planner');

  it('reads what agents send, and what is not signed it does not', async () => {
    const url = nextUrl();
    process.env['AGENTS_SECRET'] = 'secret';
    const { work, transport, spy } = await openSystem(`${url}?dialect=agents`, topologyOf('planner', 'main'));
    delete process.env['AGENTS_SECRET'];
    const payload = '{"b": 1.0, "a": "é", "c": {"z": 1e16, "y": [1e-7, -0.0, 12]}}';
    const [sent = ''] = await runPeer('agents', [
      'send',
      url,
      'secret',
      'boss',
      'planner',
      'task_request',
      payload,
    ]);
    await runPeer('agents', ['send', url, 'other', 'thief', 'planner', 'event', '{}']);
    const { messages, handled } = work(Planner, 'main');
    await handled(1);
    const fields = JSON.parse(sent);
    expect(messages[0]).toMatchObject({
      id: fields.id,
      source: 'boss',
      subject: 'planner',
      correlationid: 'c-1',
      messagetype: 'task_request',
      priority: 'high',
      data: { b: 1, a: 'é', c: { z: 1e16, y: [1e-7, -0, 12] } },
    });
    const { error } = await spy.waitFor('dead_lettered', { topic: 'planner' });
    expect(error).toContain('specversion');
    const [letter = ''] = await runPeer('agents', ['dlq', url, 'planner']);
    expect(JSON.parse(letter)).toMatchObject({
      from_agent: 'thief',
      dlq_error: 'its signature does not match (malformed, attempts: 0)',
      dlq_original_stream: 'agent_messages:planner',
    });
    expect((await transport.depth({ topic: 'planner', subscription: 'main' })).dead).toBe(1);
  });

  it('writes what agents read, signed as they check it', async () => {
    const url = nextUrl();
    process.env['AGENTS_SECRET'] = 'secret';
    const { publisher, transport } = await openSystem(
      `${url}?dialect=agents:task_request`,
      topologyOf('planner', 'main'),
    );
    delete process.env['AGENTS_SECRET'];
    const data = { b: 0.1, a: 'é😀', c: [1e21, 1.5e-7, 3] };
    await publisher.publish(Planner, data, { source: 'boss', correlationId: 'c-2' });
    const [line = ''] = await runPeer('agents', [
      'consume',
      url,
      'secret',
      'planner',
      'consumers:planner',
      '1',
    ]);
    expect(JSON.parse(line)).toMatchObject({
      from_agent: 'boss',
      to_agent: 'planner',
      message_type: 'task_request',
      priority: 'normal',
      correlation_id: 'c-2',
      payload: '{"b": 0.1, "a": "\\u00e9\\ud83d\\ude00", "c": [1e+21, 1.5e-07, 3]}',
    });
    expect((await transport.depth({ topic: 'planner', subscription: 'main' })).inFlight).toBe(0);
  });

  it('shares the messages to an agent with a program of theirs in its group', async () => {
    const url = nextUrl();
    const { publisher, work } = await openSystem(`${url}?dialect=agents`, topologyOf('planner', 'main'));
    await Promise.all(Array.from({ length: 20 }, (_, n) => publisher.publish(Planner, { n })));
    const theirs = await runPeer('agents', ['consume', url, '', 'planner', 'consumers:planner', '10']);
    const { messages, handled } = work(Planner, 'main');
    expect(theirs).toHaveLength(10);
    await handled(10);
    const seen = [
      ...theirs.map((line) => JSON.parse(JSON.parse(line).payload).n),
      ...messages.map(({ data }) => data['n']),
    ];
    expect(seen.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it('broadcasts to all of their groups', async () => {
    const url = nextUrl();
    const Broadcast = anything('broadcast');
    const { publisher } = await openSystem(
      `${url}?dialect=agents:broadcast`,
      topologyOf('broadcast', 'main'),
    );
    await publisher.publish(Broadcast, { all: true });
    const [line = ''] = await runPeer('agents', [
      'consume',
      url,
      '',
      'broadcast',
      'broadcast_consumers',
      '1',
    ]);
    expect(JSON.parse(line)).toMatchObject({ to_agent: 'broadcast', message_type: 'broadcast' });
  });

  it('says to agents, and hears from them, on their channels', async () => {
    const url = nextUrl();
    const { transport } = await openSystem(`${url}?dialect=agents`, topologyOf('planner', 'main'));
    const broadcaster = createBroadcaster({ transport, source: 'boss' });
    onTestFinished(() => broadcaster.close());
    const hearing = startPeer('agents', ['hear', url, 'agent:planner', '1']);
    await hearing.printed(1);
    await broadcaster.notify(Planner, { plan: 'é', cost: 1.5 }, { correlationId: 'c-3' });
    const [, line = ''] = await hearing.ended;
    expect(Object.keys(JSON.parse(line))).toEqual([
      ...['id', 'from', 'to', 'type', 'payload', 'timestamp', 'priority', 'ttl', 'correlation_id'],
      'acknowledgment_required',
    ]);
    expect(JSON.parse(line)).toMatchObject({
      from: 'boss',
      to: 'planner',
      type: 'event',
      payload: { plan: 'é', cost: 1.5 },
      priority: 'normal',
      ttl: null,
      correlation_id: 'c-3',
    });

    const heard: unknown[] = [];
    await broadcaster.listen(Planner, (message) => void heard.push(message));
    await runPeer('agents', ['tell', url, 'worker', 'planner', 'task_result', '{"done": true}']);
    await expect
      .poll(() => heard)
      .toMatchObject([
        {
          source: 'worker',
          subject: 'planner',
          messagetype: 'task_result',
          priority: 'low',
          data: { done: true },
        },
      ]);
  });

  const Usage = anything('disk_usage');

  it('reads reports of a stream, and writes them', async () => {
    const url = nextUrl();
    const { publisher, work } = await openSystem(
      `${url}?dialect=report-stream:mq:reports`,
      topologyOf('disk_usage', 'main'),
    );
    const [text = ''] = await runPeer('reports', ['add', url, 'mq:reports']);
    const { messages, handled, stop } = work(Usage, 'main');
    await handled(1);
    await stop();
    expect(messages[0]).toMatchObject({ source: 'Data%20Team', data: JSON.parse(text) });
    // Numbers that are whole are integers, for a program that tells them from floats.
    const report = JSON.parse(text.replaceAll(/(\d+)\.0\b/g, '$1.5'));
    await publisher.publish(Usage, report);
    const [taken] = await runPeer('reports', ['take', url, 'mq:reports', '1']);
    expect(taken).toBe(text.replaceAll(/(\d+)\.0\b/g, '$1.5'));
    expect(await fieldsAt(url, 'mq:reports')).toHaveLength(2);
  });

  it('gives up a report with what it was, for nobody of theirs to read', async () => {
    const url = nextUrl();
    const { work, transport } = await openSystem(
      `${url}?dialect=report-stream`,
      topologyOf('disk_usage', 'main'),
    );
    const [text] = await runPeer('reports', ['add', url, 'disk_usage']);
    const address = { topic: 'disk_usage', subscription: 'main' };
    const worker = work(Usage, 'main', () => {
      throw new Reject('of no use');
    });
    await expect.poll(async () => (await transport.depth(address)).dead).toBe(1);
    await worker.stop();
    expect(await fieldsAt(url, 'ours:{disk_usage}:main:dead')).toEqual([
      {
        data: text,
        error: 'of no use (rejected, attempts: 1)',
        failed_at: expect.any(String),
        original_id: expect.any(String),
      },
    ]);
    await replayDeadLetters(transport, address, { code: 'rejected' });
    const { handled } = work(Usage, 'main');
    await handled(1);
  });

  it('refuses what the programs beside it would not see', async () => {
    const { publisher, transport } = await openSystem(
      `${nextUrl()}?dialect=event-bus`,
      topologyOf('document_updated', 'search'),
    );
    expect(transport.limits.publishDelayMs).toBe(0);
    await expect(publisher.publish(DocumentUpdated, {}, { delayMs: 5 })).rejects.toThrow('delayMs is 5');
    const body = JSON.stringify({ specversion: '1.0', id: 'i', source: 's', type: 't', data: {} });
    const outcomes = await transport.send('document_updated', [
      { id: 'i', body, headers: {}, only: ['search'] },
      { id: 'j', body: 'no envelope', headers: {} },
      { id: 'k', body, headers: {} },
    ]);
    expect(outcomes).toMatchObject([
      { error: { code: 'Unsupported' } },
      { error: { code: 'Invalid' } },
      'accepted',
    ]);
  });

  it('never removes what a group of theirs has not read', async () => {
    const url = nextUrl();
    const { publisher, work } = await openSystem(
      `${url}?dialect=event-bus&retention=1s`,
      topologyOf('document_updated', 'search'),
    );
    const peer = startPeer('event_bus', ['consume', url, 'document_updated', 'group_slow', '1']);
    await publisher.publish(DocumentUpdated, { n: 1 });
    await peer.ended;
    await publisher.publish(DocumentUpdated, { n: 2 });
    const { handled } = work(DocumentUpdated, 'search');
    await handled(2);
    // The first is freed once it is old enough; the second theirs has still to read.
    await expect.poll(() => fieldsAt(url, 'events:document_updated'), { timeout: 10_000 }).toHaveLength(1);
    const [line = ''] = await runPeer('event_bus', ['consume', url, 'document_updated', 'group_slow', '1']);
    expect(JSON.parse(line).data).toEqual({ n: 2 });
  });
});
