import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ModelEvent } from '../model-ready/events.ts';
import type { CourierEvent } from '../observe/events.ts';
import { createAccount } from './account.ts';

let printed = '';
const tty = process.stdout.isTTY;

beforeEach(() => {
  printed = '';
  vi.useFakeTimers();
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  process.stdout.isTTY = tty;
});

const about = { topic: 't', subscription: 's', id: 'id-1' } as const;
const model = { model_name: 'iris', model_version: '2' } as const;
const MODELS: ModelEvent[] = [
  { event: 'judged', ...model, verdict: 'announce' },
  {
    event: 'announced',
    id: 'id-1',
    ...model,
    metric_name: 'f1',
    baseline_value: 0.5,
    current_value: 1,
    improvement_percentage: 100,
  },
  {
    event: 'rejected',
    model_name: null,
    model_version: null,
    code: 'run_not_finished',
    reason: 'it FAILED\u001B[2J',
  },
  { event: 'announce_failed', ...model, error: 'away' },
  { event: 'deployed', id: 'id-1', ...model },
];
const COURIER: CourierEvent[] = [
  { event: 'retried', ...about, attempt: 1, delayMs: 1_500, ms: 3, error: 'busy' },
  { event: 'postponed', ...about, delayMs: 2_000, error: 'answered 429' },
  { event: 'dead_lettered', ...about, attempt: 1, code: 'rejected', error: 'no' },
  { event: 'replayed', ...about },
  { event: 'lease_lost', ...about, id: 'id-unknown' },
  { event: 'settle_failed', ...about, action: 'ack', code: 'Denied' },
  { event: 'carrier_unavailable', transport: 'sqs', code: 'Unavailable', error: 'gone' },
  { event: 'carrier_back', transport: 'sqs' },
  { event: 'publish_failed', topic: 't', id: 'id-1', code: 'TooLarge' },
  { event: 'published', topic: 't', id: 'id-1' },
];

describe('the account', () => {
  it('is a line for each thing a person wants to know, under the model’s name', () => {
    process.stdout.isTTY = false;
    const account = createAccount({ json: false });
    for (const event of MODELS) account.model(event);
    for (const event of COURIER) account.courier(event);
    account.error(new Error('a poll\u001B[2J failed'));
    account.warn('no fsync');
    account.stop();
    expect(
      printed
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().replace(/ {2,}/g, ' | ')),
    ).toEqual([
      'announced | iris v2 | f1 1, 100 % better than 0.5',
      'rejected | a run | it FAILED\\u001b[2J',
      'unsent | iris v2 | away',
      'deployed | iris v2',
      'retried | iris v2 | attempt 1 failed: busy; again in 1.5 s',
      'postponed | iris v2 | answered 429; again in 2 s',
      'dead | iris v2 | rejected: no',
      'replayed | iris v2 | back from the dead-letter queue',
      'lost lease id-unknown | somebody else may handle it as well',
      'unsettled | iris v2 | ack: Denied; it comes again',
      'away | sqs | gone',
      'back | sqs',
      'unsent | iris v2 | TooLarge',
      'error | Error: a poll\\u001b[2J failed',
      'careful | no fsync',
    ]);
    expect(account.counts).toEqual({
      judged: 1,
      announced: 1,
      rejected: 1,
      deployed: 1,
      superseded: 0,
      retried: 1,
      dead: 1,
    });
  });

  it('is one JSON object a line for a program, and nothing else', () => {
    const account = createAccount({ json: true });
    account.say('hello');
    account.error(new Error('a poll failed'));
    account.warn('no fsync');
    for (const event of MODELS) account.model(event);
    for (const event of COURIER) account.courier(event);
    account.stop();
    const lines: unknown[] = printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { event: 'error', error: 'Error: a poll failed' },
      { event: 'warning', warning: 'no fsync' },
      ...MODELS,
      ...COURIER,
    ]);
  });

  it('keeps a progress line below in a terminal, and takes it away at the end', () => {
    process.stdout.isTTY = true;
    const account = createAccount({ json: false });
    for (const event of MODELS) account.model(event);
    vi.advanceTimersByTime(500);
    expect(printed).toContain('deployed 1');
    const before = printed.length;
    account.stop();
    vi.advanceTimersByTime(5_000);
    expect(printed.slice(before)).toBe('\r\u001B[2K');
  });
});
