import { describe, expect, it, onTestFinished } from 'vitest';
import { emit, observe, observed } from './events.ts';
import { logEvents } from './json-log.ts';
import { createSpy } from './spy.ts';

const handled = (id: string) =>
  ({ event: 'handled', topic: 't', subscription: 's', id, attempt: 1, ms: 2, endToEndMs: 3 }) as const;

describe('events', () => {
  it('reach whoever observes, until they stop', () => {
    const seen: string[] = [];
    const before = observed();
    const stop = observe((event) => seen.push(event.event));
    expect(observed()).toBe(true);
    emit(handled('a'));
    stop();
    emit(handled('b'));
    expect(seen).toEqual(['handled']);
    expect(observed()).toBe(before);
  });

  it('are logged as JSON lines with a level, once however often it is asked for', () => {
    const lines: string[] = [];
    logEvents((line) => lines.push(line));
    logEvents((line) => lines.push(line));
    emit(handled('a'));
    emit({
      event: 'dead_lettered',
      topic: 't',
      subscription: 's',
      id: 'b',
      attempt: 3,
      code: 'exhausted',
      error: 'no',
    });
    emit({ event: 'settle_failed', topic: 't', subscription: 's', id: 'c', action: 'ack', code: 'Denied' });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'info', event: 'handled', id: 'a', time: expect.stringMatching(/^\d{4}-.*Z$/) },
      { level: 'error', event: 'dead_lettered', code: 'exhausted' },
      { level: 'error', event: 'settle_failed', code: 'Denied' },
    ]);
  });
});

describe('a spy', () => {
  it('waits for what comes, finds what has been, and says what it saw instead', async () => {
    const spy = createSpy();
    onTestFinished(spy.close);
    const later = spy.waitFor('handled', { id: 'later' });
    emit(handled('first'));
    emit(handled('later'));
    expect(await later).toMatchObject({ id: 'later' });
    expect(await spy.waitFor('handled')).toMatchObject({ id: 'first' });
    expect(spy.all('handled')).toHaveLength(2);
    await expect(spy.waitFor('retried', { id: 'x' }, 10)).rejects.toThrow(
      /no retried event \{"id":"x"\} within 10 ms; seen: handled/,
    );
  });
});
