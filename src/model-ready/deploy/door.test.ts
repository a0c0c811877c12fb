import { describe, expect, it, onTestFinished, test, vi } from 'vitest';
import { announcementOf } from '../../../test/support/announcements.ts';
import { createMemoryClaims } from './claims/memory.ts';
import type { ClaimStore } from './claims/store.ts';
import { type Answer, createDoor, type Entry } from './door.ts';

const AT = '2026-12-01T12:00:00.000Z';
const better = (version: string, current_value: number) => announcementOf(version, { current_value });

function entryIn(answer: Answer): Entry {
  if (answer.outcome !== 'deploy') throw new Error(`it may not be deployed: ${JSON.stringify(answer)}`);
  return answer.entry;
}

function doorTo(store: ClaimStore = createMemoryClaims(), leaseMs = 60_000) {
  return createDoor({ store, leaseMs });
}

test('keeps what is live, and what was before', async () => {
  const door = doorTo();
  for (const [version, value] of [
    ['1', 0.6],
    ['2', 0.7],
    ['3', 0.8],
  ] as const) {
    await entryIn(await door.enter(better(version, value))).deployed(AT);
  }
  const record = await door.record('churn');
  const { sequence } = record;
  expect(record).toMatchObject({ live: { id: 'announcement-of-3', sequence, at: AT } });
  expect(record.before.map(({ data }) => data.model_version)).toEqual(['2', '1']);
  expect(record.claim).toBeUndefined();
});

test('a deployment that fails leaves what was live', async () => {
  const door = doorTo();
  const first = entryIn(await door.enter(better('1', 0.6)));
  await first.deployed(AT);
  const failing = entryIn(await door.enter(better('2', 0.7)));
  expect(failing.sequence).toBeGreaterThan(first.sequence);
  await failing.release();
  expect(await door.record('churn')).toMatchObject({ live: { sequence: first.sequence } });
  const next = entryIn(await door.enter(better('3', 0.65)));
  expect(next.sequence).toBeGreaterThan(failing.sequence);
});

test('numbers rise when the clock is put back, and when the store is another one', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const door = doorTo();
  const first = entryIn(await door.enter(better('1', 0.6)));
  await first.deployed(AT);
  vi.setSystemTime(Date.now() - 3_600_000);
  const second = entryIn(await door.enter(better('2', 0.7)));
  expect(second.sequence).toBe(first.sequence + 1);
  vi.setSystemTime(Date.now() + 3_600_100);
  expect(entryIn(await doorTo().enter(better('3', 0.8))).sequence).toBeGreaterThan(second.sequence);
});

test('models do not wait for each other', async () => {
  const door = doorTo();
  entryIn(await door.enter(announcementOf('1')));
  entryIn(await door.enter(announcementOf('1', { model_name: 'fraud' })));
});

test('of many at once one enters, and in the end the best is live', async () => {
  const store = createMemoryClaims();
  const values = [0.61, 0.9, 0.73, 0.85, 0.64, 0.99, 0.7];
  let entered = 0;
  async function deploy(value: number): Promise<void> {
    // Another process each.
    const door = createDoor({ store, leaseMs: 60_000 });
    for (;;) {
      const answer = await door.enter(better(String(value * 100), value));
      if (answer.outcome === 'wait') {
        await new Promise(setImmediate);
        continue;
      }
      if (answer.outcome !== 'deploy') return;
      entered++;
      expect(entered).toBe(1);
      await new Promise(setImmediate);
      entered--;
      return answer.entry.deployed(AT);
    }
  }
  await Promise.all(values.map(deploy));
  expect((await doorTo(store).record('churn')).live?.data.current_value).toBe(0.99);
});

describe('a claim that was left behind', () => {
  it('is taken over by the same message at once', async () => {
    const store = createMemoryClaims();
    const first = entryIn(await doorTo(store).enter(announcementOf('1')));
    const again = entryIn(await doorTo(store).enter(announcementOf('1')));
    expect(again.sequence).toBeGreaterThan(first.sequence);
    await again.deployed(AT);
  });

  it('is taken over by others once its lease is over, and whoever had it is told', async () => {
    const store = createMemoryClaims();
    const slow = entryIn(await doorTo(store, 50).enter(better('1', 0.6)));
    const next = entryIn(await doorTo(store, 50).enter(better('2', 0.7)));
    expect(slow.until).toBeLessThanOrEqual(performance.now());
    await expect(slow.deployed(AT)).rejects.toMatchObject({ name: 'ClaimLost' });
    await slow.release();
    await next.deployed(AT);
    expect((await doorTo(store).record('churn')).live?.data.model_version).toBe('2');
  });

  it('comes back when a better one that took over is not deployed', async () => {
    const store = createMemoryClaims();
    await doorTo(store, 0).enter(better('1', 0.6));
    await entryIn(await doorTo(store, 0).enter(better('2', 0.7))).release();
    expect((await doorTo(store).record('churn')).claim).toMatchObject({ id: 'announcement-of-1' });
    expect(await doorTo(store).enter(better('3', 0.5))).toMatchObject({ outcome: 'unresolved' });
  });

  it('is gone when the same message, asked for again, is not deployed', async () => {
    const store = createMemoryClaims();
    await doorTo(store).enter(better('1', 0.6));
    const again = entryIn(await doorTo(store).enter(better('1', 0.6)));
    expect(again.isUnsure).toBe(true);
    await again.release();
    expect((await doorTo(store).record('churn')).claim).toBeUndefined();
    expect(entryIn(await doorTo(store).enter(better('1', 0.6))).isUnsure).toBe(false);
  });

  it('is taken over for its own message by one of many', async () => {
    const store = createMemoryClaims();
    await doorTo(store, 0).enter(better('1', 0.6));
    const { claim } = await doorTo(store).record('churn');
    if (claim === undefined) return expect.unreachable();
    const taken = await Promise.all([1, 2, 3].map(() => doorTo(store).takeOver(claim)));
    const [entry, ...others] = taken.filter((one) => one !== undefined);
    expect(others).toEqual([]);
    await entry?.deployed(AT);
    expect(await doorTo(store).record('churn')).toMatchObject({ live: { id: 'announcement-of-1' } });
  });
});

test('waits a second for another deployment, and no longer', async () => {
  const door = doorTo();
  const other = entryIn(await door.enter(better('1', 0.6)));
  const begun = performance.now();
  expect(await door.enter(better('2', 0.7))).toMatchObject({ outcome: 'wait' });
  expect(performance.now() - begun).toBeGreaterThan(900);
  expect(await door.enter(better('2', 0.7), { signal: AbortSignal.abort() })).toMatchObject({
    outcome: 'wait',
  });
  const entering = door.enter(better('2', 0.7));
  await other.deployed(AT);
  entryIn(await entering);
});

test('asks for the champion, unless an operator wants it', async () => {
  const champion = vi.fn(async () => ({ version: '7', value: 0.95 }));
  const door = createDoor({ store: createMemoryClaims(), leaseMs: 60_000, champion });
  expect(await door.enter(announcementOf('8'))).toMatchObject({ outcome: 'superseded', by: '7' });
  expect(champion).toHaveBeenCalledOnce();
  entryIn(await door.enter(announcementOf('8'), { forced: { by: 'ada', reason: 'a test' } }));
  expect(champion).toHaveBeenCalledOnce();
});

test('a registry that is away is no reason to deploy', async () => {
  const away = new Error('away');
  const store = createMemoryClaims();
  const door = createDoor({ store, leaseMs: 60_000, champion: () => Promise.reject(away) });
  await expect(door.enter(announcementOf('8'))).rejects.toBe(away);
  expect(await store.read('churn')).toBeUndefined();
});

test('a registry that is away is no reason to try again what is live', async () => {
  const store = createMemoryClaims();
  await entryIn(await doorTo(store).enter(announcementOf('8'))).deployed(AT);
  const champion = () => Promise.reject(new Error('away'));
  const door = createDoor({ store, leaseMs: 60_000, champion });
  expect(await door.enter(announcementOf('8'))).toEqual({ outcome: 'already_deployed' });
});

test('what is no record of ours is not overwritten', async () => {
  const store = createMemoryClaims();
  await store.write('churn', '{"model_name":"churn"}', undefined);
  await expect(doorTo(store).enter(announcementOf('1'))).rejects.toMatchObject({ code: 'Invalid' });
});
