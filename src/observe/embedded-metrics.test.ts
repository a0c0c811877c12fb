import { expect, it, onTestFinished, vi } from 'vitest';
import { startEmbeddedMetrics } from './embedded-metrics.ts';
import { emit, observed } from './events.ts';
import { measured } from './measured.ts';

const about = { topic: 'order_placed', subscription: 'mail', id: 'a', attempt: 1 } as const;
const handled = { event: 'handled', ...about, ms: 2, endToEndMs: 30 } as const;

function start() {
  const lines: string[] = [];
  const metrics = startEmbeddedMetrics({ prefix: 'shop-dev', write: (line) => lines.push(line) });
  onTestFinished(metrics.stop);
  return { metrics, read: (): unknown[] => lines.splice(0).map((line) => JSON.parse(line)) };
}

it('counts into one line for each subscription, in the format that CloudWatch reads', () => {
  const { metrics, read } = start();
  const before = Date.now();
  emit(handled);
  emit({ ...handled, ms: 3, endToEndMs: -1 });
  emit({ event: 'retried', ...about, ms: 4, delayMs: 100, error: 'no' });
  emit({ event: 'postponed', ...about, delayMs: 100, error: 'busy' });
  emit({ event: 'dead_lettered', ...about, code: 'exhausted', error: 'no' });
  emit({ event: 'lease_lost', ...about });
  emit({ event: 'released', ...about });
  emit({ event: 'published', topic: 'order_placed', id: 'b' });
  expect(read()).toEqual([]);
  metrics.flush();
  const count = (Name: string) => ({ Name, Unit: 'Count' });
  const ms = (Name: string) => ({ Name, Unit: 'Milliseconds' });
  expect(read()).toEqual([
    {
      _aws: {
        Timestamp: expect.any(Number),
        CloudWatchMetrics: [
          {
            Namespace: 'Hikyaku',
            Dimensions: [['prefix', 'topic', 'subscription']],
            Metrics: [
              count('handled'),
              ms('handler_ms'),
              ms('end_to_end_ms'),
              count('retried'),
              count('postponed'),
              count('dead_lettered'),
              count('lost_leases'),
            ],
          },
        ],
      },
      prefix: 'shop-dev',
      topic: 'order_placed',
      subscription: 'mail',
      handled: 2,
      handler_ms: [2, 3, 4],
      end_to_end_ms: [30, 0],
      retried: 1,
      postponed: 1,
      dead_lettered: 1,
      lost_leases: 1,
    },
    expect.objectContaining({ topic: 'order_placed', published: 1 }),
  ]);
  emit(handled);
  metrics.flush();
  const [again] = read();
  expect(again).toMatchObject({ handled: 1, handler_ms: 2 });
  expect(again).toHaveProperty(
    '_aws.Timestamp',
    expect.toSatisfy((at) => at >= before && at <= Date.now()),
  );
  metrics.flush();
  expect(read()).toEqual([]);
});

it('tells what a drain leaves', () => {
  const { metrics, read } = start();
  const { id: _, attempt: __, ...address } = about;
  emit({ event: 'drained', ...address, ready: 5, inFlight: 2, delayed: 1, dead: 3, oldestMs: 700 });
  metrics.flush();
  expect(read()).toMatchObject([
    { depth: 8, lag: 5, pending: 2, dead_letters: 3, oldest_pending_ms: 700, subscription: 'mail' },
  ]);
});

it('writes before a line has more values than CloudWatch takes', () => {
  const { metrics, read } = start();
  for (let n = 0; n < 250; n++) emit(handled);
  metrics.flush();
  expect(read()).toMatchObject([
    { handled: 100, handler_ms: { length: 100 }, end_to_end_ms: { length: 100 } },
    { handled: 100 },
    { handled: 50, end_to_end_ms: { length: 50 } },
  ]);
});

it('is nothing to a function that is not asked to measure', async () => {
  const invoke = async () => 'done';
  expect(measured(invoke)).toBe(invoke);
  expect(observed()).toBe(false);
});

it('ends each invocation of a function that is, also one that fails', async () => {
  const written: string[] = [];
  vi.stubEnv('METRICS_PREFIX', 'shop-dev');
  onTestFinished(() => void vi.unstubAllEnvs());
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  onTestFinished(() => write.mockRestore());
  const invoke = measured(async (fails: boolean) => {
    emit(handled);
    if (fails) throw new Error('no');
    return 'done';
  });
  expect(await invoke(false)).toBe('done');
  await expect(invoke(true)).rejects.toThrow('no');
  expect(written.map((line) => JSON.parse(line))).toMatchObject([{ handled: 1 }, { handled: 1 }]);
});
