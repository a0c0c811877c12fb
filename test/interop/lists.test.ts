import { afterAll, beforeAll, expect, it } from 'vitest';
import { listDeadLetters, Reject, replayDeadLetters } from '../../src/index.ts';
import { modelReadyToDeploy } from '../../src/model-ready/contract.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeInterop, runPeer, startPeer } from './peer.ts';
import { anything, openSystem, topologyOf } from './system.ts';

let redis: RedisServer;
let database = 0;

/** URLs of a database that no other test has, ours and theirs. */
function nextUrls(): { readonly ours: string; readonly theirs: string } {
  database++;
  const theirs = `${redis.url}/${database}`;
  return { theirs, ours: theirs.replace('redis:', 'redis+list:') };
}

async function listAt(key: string): Promise<string[]> {
  const client = redis.admin.duplicate({ db: database, lazyConnect: false });
  const found = await client.lrange(key, 0, -1);
  client.disconnect();
  return found;
}

describeInterop('lists of other programs', { timeout: 30_000 }, () => {
  beforeAll(async () => {
    redis = await startRedis({ databases: '64' });
  }, 120_000);
  afterAll(() => redis.stop());

  const ANNOUNCED = topologyOf('model_ready_to_deploy', 'deploy');
  const DEPLOY = { topic: 'model_ready_to_deploy', subscription: 'deploy' };
  const QUEUE = 'hokusai:model_ready_queue';
  const ANNOUNCEMENT = {
    model_id: 'm-1',
    model_name: 'msg-model',
    model_version: '3',
    token_symbol: 'msg-ai',
    metric_name: 'reply_rate',
    metric_direction: 'higher',
    baseline_value: 0.5,
    current_value: 0.75,
    improvement_percentage: 50,
    mlflow_run_id: 'abc123',
    tags: { note: 'é' },
    source_uri: 'models:/m-1',
  } as const;
  const { metric_direction, improvement_percentage, source_uri, ...THEIRS } = ANNOUNCEMENT;

  it('reads what theirs announces, by our own contract', async () => {
    const { ours, theirs } = nextUrls();
    const [text = ''] = await runPeer('hokusai', ['publish', theirs, QUEUE, JSON.stringify(THEIRS)]);
    const { work } = await openSystem(`${ours}?dialect=hokusai`, ANNOUNCED);
    const { messages, handled, stop } = work(modelReadyToDeploy, 'deploy');
    await handled(1);
    await stop();
    const { source_uri: _, ...known } = ANNOUNCEMENT;
    expect(messages[0]).toMatchObject({ id: JSON.parse(text).message_id, source: 'hokusai', data: known });
    expect([await listAt(QUEUE), await listAt(`${QUEUE}:processing`)]).toEqual([[], []]);
  });

  it.each([
    ['hokusai', QUEUE, `${QUEUE}:processing`],
    [`hokusai&queue=${QUEUE}&processing=hokusai:processing`, QUEUE, 'hokusai:processing'],
  ])('announces what theirs reads, with dialect=%s', async (dialect, queue, processing) => {
    const { ours, theirs } = nextUrls();
    const listening = startPeer('hokusai', ['listen', theirs, `${queue}:pubsub`, '1']);
    await listening.printed(1);
    const { publisher } = await openSystem(`${ours}?dialect=${dialect}`, ANNOUNCED);
    const { id } = await publisher.publish(modelReadyToDeploy, ANNOUNCEMENT);
    const [line = ''] = await runPeer('hokusai', ['consume', theirs, queue, processing, '1']);
    const envelope = JSON.parse(line);
    expect(Object.keys(envelope)).toEqual([
      'message_id',
      'message_type',
      'payload',
      'timestamp',
      'retry_count',
      'max_retries',
    ]);
    expect(envelope).toMatchObject({
      message_id: id,
      message_type: 'model_ready_to_deploy',
      retry_count: 0,
      max_retries: 3,
      payload: { ...THEIRS, improvement_percentage, contributor_address: null, message_version: '1.0' },
    });
    expect(line).toContain('"tags": {"note": "\\u00e9"}');
    const [, heard = ''] = await listening.ended;
    expect(JSON.parse(heard)).toEqual(envelope.payload);
  });

  it('counts on where theirs has begun, and leaves what theirs can read when it gives up', async () => {
    const { ours, theirs } = nextUrls();
    await runPeer('hokusai', ['publish', theirs, QUEUE, JSON.stringify(THEIRS)]);
    await runPeer('hokusai', ['consume', theirs, QUEUE, `${QUEUE}:processing`, '2', 'fail']);
    const { work, transport } = await openSystem(`${ours}?dialect=hokusai`, ANNOUNCED);
    const attempts: number[] = [];
    const worker = work(modelReadyToDeploy, 'deploy', (_, { attempt }) => {
      attempts.push(attempt);
      throw new Error('no gas');
    });
    await expect.poll(async () => (await transport.depth(DEPLOY)).dead).toBe(1);
    await worker.stop();
    expect(attempts).toEqual([3, 4]);
    const [dead = ''] = await runPeer('hokusai', ['dead', theirs, `${QUEUE}:dlq`]);
    const record = JSON.parse(dead);
    expect(record).toMatchObject({ error: 'no gas (exhausted, attempts: 4)', original_queue: QUEUE });
    expect(JSON.parse(record.original_message)).toMatchObject({ retry_count: 3, payload: THEIRS });
    await replayDeadLetters(transport, DEPLOY, { code: 'exhausted' });
    const again = work(modelReadyToDeploy, 'deploy', (_, { attempt }) => void attempts.push(attempt));
    await again.handled(1);
    expect(attempts).toEqual([3, 4, 1]);
  });

  it('gives theirs a retry that theirs can take', async () => {
    const { ours, theirs } = nextUrls();
    const { publisher, transport } = await openSystem(`${ours}?dialect=hokusai`, ANNOUNCED);
    await publisher.publish(modelReadyToDeploy, ANNOUNCEMENT);
    const [received] = await transport.receive(DEPLOY, { max: 1, waitMs: 2_000, leaseMs: 5_000 });
    const retry = { receipt: received?.receipt ?? {}, action: 'retry', delayMs: 0 } as const;
    expect(await transport.settle(DEPLOY, [retry])).toEqual(['settled']);
    const [line = ''] = await runPeer('hokusai', ['consume', theirs, QUEUE, `${QUEUE}:processing`, '1']);
    expect(JSON.parse(line)).toMatchObject({ retry_count: 1, payload: THEIRS });
  });

  it('shows dead letters of theirs, of any shape', async () => {
    const { ours, theirs } = nextUrls();
    await runPeer('hokusai', ['publish', theirs, QUEUE, JSON.stringify(THEIRS)]);
    await runPeer('hokusai', ['consume', theirs, QUEUE, `${QUEUE}:processing`, '4', 'fail']);
    const client = redis.admin.duplicate({ db: database, lazyConnect: false });
    await client.lpush(`${QUEUE}:dlq`, 'no JSON');
    client.disconnect();
    const { transport } = await openSystem(`${ours}?dialect=hokusai`, ANNOUNCED);
    const letters = await listDeadLetters(transport, DEPLOY, {});
    expect(letters.map(({ reason, body }) => [reason.code, reason.message, body.slice(0, 7)])).toEqual([
      ['exhausted', 'Processing failed', '{"specv'],
      ['undelivered', expect.any(String), 'no JSON'],
    ]);
  });

  it('replays each dead letter once, though it comes back and cannot say that it did', async () => {
    const { ours, theirs } = nextUrls();
    await runPeer('hokusai', ['publish', theirs, QUEUE, JSON.stringify(THEIRS)]);
    const { work, transport, spy } = await openSystem(`${ours}?dialect=hokusai`, ANNOUNCED);
    work(modelReadyToDeploy, 'deploy', () => {
      throw new Reject('never');
    });
    await spy.waitFor('dead_lettered', { topic: DEPLOY.topic });
    const { id = '' } = (await listDeadLetters(transport, DEPLOY, {}))[0] ?? {};
    // Slowly, so that it is there again when the next page is looked at.
    const { done, failed } = await replayDeadLetters(transport, DEPLOY, {}, { perSecond: 1 });
    expect([done.map((letter) => letter.id), failed]).toEqual([[id], []]);
    await expect.poll(async () => (await transport.depth(DEPLOY)).dead).toBe(1);
  });

  it('carries flat announcements, in capitals', async () => {
    const { ours } = nextUrls();
    const { publisher, work, transport } = await openSystem(`${ours}?dialect=hokusai-flat`, ANNOUNCED);
    await publisher.publish(modelReadyToDeploy, ANNOUNCEMENT);
    const [entry = ''] = await listAt(QUEUE);
    expect(JSON.parse(entry)).toMatchObject({ ...THEIRS, token_symbol: 'MSG-AI', message_version: '1.0' });
    const { messages, handled, stop } = work(modelReadyToDeploy, 'deploy');
    await handled(1);
    await stop();
    expect(messages[0]?.data.token_symbol).toBe('msg-ai');
    await publisher.publish(modelReadyToDeploy, ANNOUNCEMENT);
    work(modelReadyToDeploy, 'deploy', () => {
      throw new Reject('no');
    });
    await expect.poll(async () => (await transport.depth(DEPLOY)).dead).toBe(1);
    const [dead = ''] = await listAt('hokusai:dlq');
    expect(JSON.parse(dead)).toMatchObject({ originalMessage: { token_symbol: 'MSG-AI' }, queue: QUEUE });
  });

  const Ai = anything('ai_processing');
  const AI = { topic: 'ai_processing', subscription: 'main' };
  const AI_QUEUE = 'backfin:queue:ai_processing';

  it('does jobs of theirs, urgent ones of its type first', async () => {
    const { ours, theirs } = nextUrls();
    const push = (list: string, type: string, fields: object, priority = 'normal') =>
      runPeer('jobs', ['push', theirs, `backfin:queue:${list}`, type, JSON.stringify(fields), priority]);
    await push('ai_processing', 'ai_processing', { corp_id: 'late', summary_text: 'é' });
    await push('high_priority', 'supabase_upload', { corp_id: 'other', processed_data: {} }, 'urgent');
    await push('high_priority', 'ai_processing', { corp_id: 'first' }, 'urgent');
    await push('high_priority', 'ai_processing', { corp_id: 'second', metadata: { by: 'x' } }, 'high');
    const { transport } = await openSystem(`${ours}?dialect=jobs`, topologyOf('ai_processing', 'main'));
    const received = await transport.receive(AI, { max: 10, waitMs: 1_000, leaseMs: 5_000 });
    expect(received.map(({ body }) => JSON.parse(body))).toMatchObject([
      { priority: 'urgent', data: { corp_id: 'first', pdf_url: null } },
      { priority: 'high', data: { corp_id: 'second', metadata: { by: 'x' } } },
      { priority: 'normal', data: { corp_id: 'late', summary_text: 'é' } },
    ]);
    expect(await listAt('backfin:queue:high_priority')).toHaveLength(1);
    expect(await listAt(AI_QUEUE)).toEqual([]);
  });

  it('sees an urgent job while it waits at its queue', async () => {
    const { ours, theirs } = nextUrls();
    const { work } = await openSystem(`${ours}?dialect=jobs`, topologyOf('ai_processing', 'main'));
    const { messages, handled } = work(Ai, 'main');
    const fields = JSON.stringify({ corp_id: 'now' });
    const pushedAt = performance.now();
    await runPeer('jobs', ['push', theirs, 'backfin:queue:high_priority', 'ai_processing', fields, 'urgent']);
    await handled(1);
    expect(messages[0]?.data).toMatchObject({ corp_id: 'now' });
    expect(performance.now() - pushedAt).toBeLessThan(3_000);
  });

  it.each([
    ['ai_processing', { corp_id: 'c', pdf_url: null, summary_text: 'é', company_name: '', security_id: '' }],
    ['supabase_upload', { corp_id: 'c', processed_data: { a: [1.5] }, update_existing: true }],
    [
      'investor_processing',
      { corp_id: 'c', category: 'x', individual_investors: ['a'], company_investors: [] },
    ],
    ['new_announcements', { source: 'BSE', last_processed_time: null }],
  ])('gives theirs jobs for %s', async (topic, data) => {
    const { ours, theirs } = nextUrls();
    const { publisher } = await openSystem(`${ours}?dialect=jobs`, topologyOf(topic, 'main'));
    const { id } = await publisher.publish(anything(topic), data);
    const [line = ''] = await runPeer('jobs', ['pop', theirs, `backfin:queue:${topic}`, '1']);
    expect(JSON.parse(line)).toMatchObject({ job_id: id, retry_count: 0, metadata: {}, ...data });
    expect(line).toContain('"max_retries":3,"timeout":300,"metadata":{}');
  });

  it('keeps failed jobs with those of theirs, and replays only its own', async () => {
    const { ours, theirs } = nextUrls();
    const topology = {
      prefix: 'ours',
      topics: [
        ...topologyOf('ai_processing', 'main').topics,
        ...topologyOf('supabase_upload', 'main').topics,
      ],
    };
    const { work, transport } = await openSystem(`${ours}?dialect=jobs`, topology);
    const [job = ''] = await runPeer('jobs', ['push', theirs, AI_QUEUE, 'ai_processing', '{"corp_id": "c"}']);
    const worker = work(Ai, 'main', () => {
      throw new Error('boom');
    });
    await expect.poll(async () => (await transport.depth(AI)).dead).toBe(1);
    await worker.stop();
    const [failed = ''] = await runPeer('jobs', ['failed', theirs]);
    expect(JSON.parse(failed)).toMatchObject({
      original_job_type: 'ai_processing',
      original_job_data: { ...JSON.parse(job), retry_count: 3 },
      error_message: 'boom (exhausted, attempts: 4)',
    });
    expect(JSON.parse(failed).error_traceback.split('\n')).toHaveLength(4);
    expect(await listDeadLetters(transport, { ...AI, topic: 'supabase_upload' }, {})).toEqual([]);
    await replayDeadLetters(transport, AI, {});
    const { handled } = work(Ai, 'main');
    await handled(1);
    expect(await listAt('backfin:queue:failed_jobs')).toEqual([]);
  });

  it('takes what theirs took into its processing list and never finished', async () => {
    const { ours, theirs } = nextUrls();
    const [first] = ANNOUNCED.topics;
    const subscriptions = [{ name: 'deploy', leaseMs: 500, maxDeliveries: 25 }];
    const { work } = await openSystem(`${ours}?dialect=hokusai`, {
      prefix: 'ours',
      topics: [{ name: first?.name ?? '', subscriptions }],
    });
    await runPeer('hokusai', ['publish', theirs, QUEUE, JSON.stringify(THEIRS)]);
    const client = redis.admin.duplicate({ db: database, lazyConnect: false });
    await client.rpoplpush(QUEUE, `${QUEUE}:processing`);
    client.disconnect();
    const { handled } = work(modelReadyToDeploy, 'deploy');
    await handled(1);
  });
});
