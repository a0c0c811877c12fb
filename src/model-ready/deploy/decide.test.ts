import { describe, expect, it, test } from 'vitest';
import { announcementOf } from '../../../test/support/announcements.ts';
import { type Champion, decide } from './decide.ts';
import { type Claim, type DeploymentRecord, type LiveModel, noDeployments } from './record.ts';

const NOW = Date.parse('2026-12-01T12:00:00.000Z');
const LEASE_MS = 60_000;
type Announcement = ReturnType<typeof announcementOf>;

function live(announced: Announcement, changes: Partial<LiveModel> = {}): DeploymentRecord {
  const { id, time, data } = announced;
  const at = '2026-12-01T11:00:00.000Z';
  return {
    ...noDeployments(data.model_name),
    sequence: 1,
    live: { id, time, data, sequence: 1, at, ...changes },
  };
}

function claimed(announced: Announcement, changes: Partial<Claim> = {}): DeploymentRecord {
  const { id, time, data } = announced;
  const claim: Claim = {
    id,
    time,
    data,
    token: 't',
    sequence: 2,
    from: NOW,
    until: NOW + LEASE_MS,
    isUnsure: false,
    ...changes,
  };
  return { ...noDeployments(data.model_name), sequence: 2, claim };
}

function outcome(record: DeploymentRecord, announced: Announcement, champion?: Champion, isForced = false) {
  return decide(record, announced, { now: NOW, leaseMs: LEASE_MS, champion, isForced });
}

const rmse = { metric_name: 'rmse', metric_direction: 'lower' } as const;

test.each([
  ['the first', undefined, announcementOf('1'), 'deploy'],
  ['the same version', announcementOf('2'), announcementOf('2', { current_value: 0.99 }), 'already_deployed'],
  ['a better one', announcementOf('2'), announcementOf('3', { current_value: 0.91 }), 'deploy'],
  [
    'a better one of a lower number',
    announcementOf('3'),
    announcementOf('2', { current_value: 0.91 }),
    'deploy',
  ],
  ['an equal one', announcementOf('2'), announcementOf('3'), 'superseded'],
  ['a worse one', announcementOf('2'), announcementOf('3', { current_value: 0.89 }), 'superseded'],
  [
    'a lower one where lower is better',
    announcementOf('2', rmse),
    announcementOf('3', { ...rmse, current_value: 0.8 }),
    'deploy',
  ],
  [
    'a higher one where lower is better',
    announcementOf('2', rmse),
    announcementOf('3', { ...rmse, current_value: 1 }),
    'superseded',
  ],
  ['a newer one by another metric', announcementOf('9'), announcementOf('10', rmse), 'deploy'],
  ['an older one by another metric', announcementOf('10'), announcementOf('9', rmse), 'superseded'],
  [
    'an older one in the other direction',
    announcementOf('10'),
    announcementOf('9', { metric_direction: 'lower', current_value: 0.1 }),
    'superseded',
  ],
  [
    'a better one on the same dataset',
    announcementOf('3', { dataset: 'test@1' }),
    announcementOf('2', { dataset: 'test@1', current_value: 0.95 }),
    'deploy',
  ],
  [
    'a better, older one on other data',
    announcementOf('3', { dataset: 'test@1' }),
    announcementOf('2', { dataset: 'test@2', current_value: 0.95 }),
    'superseded',
  ],
  [
    'a worse, newer one on other data',
    announcementOf('3', { dataset: 'test' }),
    announcementOf('4', { dataset: 'train', current_value: 0.5 }),
    'deploy',
  ],
  [
    'a worse, newer one whose dataset has no digest',
    announcementOf('3', { dataset: 'test@1' }),
    announcementOf('4', { dataset: 'test', current_value: 0.5 }),
    'superseded',
  ],
  [
    'a worse, newer one that names no dataset',
    announcementOf('3', { dataset: 'test@1' }),
    announcementOf('4', { current_value: 0.5 }),
    'superseded',
  ],
  [
    'a version that is no number, announced later',
    announcementOf('b', {}, { time: '2026-12-01T10:00:00.000Z' }),
    announcementOf('a', rmse, { time: '2026-12-01T10:00:00.001Z' }),
    'deploy',
  ],
  [
    'a version that is no number, announced earlier',
    announcementOf('b', {}, { time: '2026-12-01T10:00:00.000Z' }),
    announcementOf('10', rmse, { time: '2026-12-01T09:59:59.999Z' }),
    'superseded',
  ],
  [
    'numbers that no float holds',
    announcementOf('90071992547409931'),
    announcementOf('90071992547409932', rmse),
    'deploy',
  ],
])('%s', (_, deployed, announced, expected) => {
  const record = deployed === undefined ? noDeployments('churn') : live(deployed);
  const decision = outcome(record, announced);
  expect(decision.outcome).toBe(expected);
  if (decision.outcome === 'superseded') expect(decision.by).toBe(deployed?.data.model_version);
});

test('of two announced at the same time, the same one is deployed in either order', () => {
  const one = announcementOf('a', rmse, { id: '1' });
  const other = announcementOf('b', {}, { id: '2' });
  expect(outcome(live(one), other).outcome).toBe('deploy');
  expect(outcome(live(other), one).outcome).toBe('superseded');
});

test('says why it is not deployed', () => {
  expect(outcome(live(announcementOf('3')), announcementOf('4', { current_value: 0.8 }))).toEqual({
    outcome: 'superseded',
    by: '3',
    reason:
      'its accuracy of 0.8 is not better than the 0.9 of version 3, which is deployed (higher is better)',
  });
  expect(outcome(live(announcementOf('3')), announcementOf('2', rmse))).toMatchObject({
    reason: 'version 3, which is deployed, is newer, and the two cannot be compared',
  });
});

describe('while another announcement is being deployed', () => {
  const other = announcementOf('3');

  it('waits, whatever it is', () => {
    for (const value of [0.5, 0.9, 0.99]) {
      expect(outcome(claimed(other), announcementOf('4', { current_value: value }))).toEqual({
        outcome: 'wait',
        ms: 1_000,
        reason: 'version 3 is being deployed',
      });
    }
  });

  it.each([
    [0, 60_000, 1_000],
    [5_000, 55_000, 5_000],
    [40_000, 20_000, 20_000],
    [59_900, 100, 100],
    // Its clock is an hour ahead.
    [-3_600_000, 3_660_000, 1_000],
  ])('that began %i ms ago and has %i ms left, waits for %i ms', (ago, left, ms) => {
    const record = claimed(other, { from: NOW - ago, until: NOW + left });
    expect(outcome(record, announcementOf('4'))).toMatchObject({ outcome: 'wait', ms });
  });

  it.each([
    ['a better one', announcementOf('2', { current_value: 0.91 }), 'deploy'],
    ['an equal one', announcementOf('4'), 'unresolved'],
    ['a worse one', announcementOf('4', { current_value: 0.89 }), 'unresolved'],
    ['a newer one by another metric', announcementOf('4', rmse), 'deploy'],
    ['an older one by another metric', announcementOf('2', rmse), 'unresolved'],
    [
      'the same version',
      announcementOf('3', { current_value: 0.91 }, { id: 'announced-anew' }),
      'unresolved',
    ],
  ])('once its lease is over without a word, %s', (_, announced, expected) => {
    const record = claimed(other, { until: NOW });
    expect(outcome(record, announced).outcome).toBe(expected);
    if (expected === 'unresolved') expect(outcome(record, announced)).toMatchObject({ claim: record.claim });
  });

  it('once its lease is over, goes after an operator who forced it, and lets an operator go on', () => {
    const record = claimed(other, { until: NOW, forced: { by: 'ada', reason: 'a test' } });
    const before = announcementOf('4', { current_value: 0.99 }, { time: '2026-12-01T11:59:59.000Z' });
    expect(outcome(record, before).outcome).toBe('unresolved');
    expect(outcome(record, before, undefined, true).outcome).toBe('deploy');
  });

  it('goes on with its own claim, of before a crash', () => {
    expect(outcome(claimed(other), other).outcome).toBe('deploy');
  });

  it('is compared with what is live, not with what is being deployed', () => {
    const record = { ...claimed(other, { until: NOW }), live: live(announcementOf('2')).live };
    expect(outcome(record, announcementOf('4', { current_value: 0.89 })).outcome).toBe('superseded');
  });

  it('acknowledges what is live', () => {
    const record = { ...claimed(other), live: live(announcementOf('2')).live };
    expect(outcome(record, announcementOf('2')).outcome).toBe('already_deployed');
  });
});

describe('with the champion of a registry', () => {
  const nothing = noDeployments('churn');

  it.each([
    ['better', 0.89, 'deploy'],
    ['equal', 0.9, 'superseded'],
    ['worse', 0.95, 'superseded'],
    ['not comparable', undefined, 'deploy'],
  ])('one that is %s', (_, value, expected) => {
    expect(outcome(nothing, announcementOf('4'), { version: '3', value }).outcome).toBe(expected);
  });

  it('does not compare it with itself', () => {
    expect(outcome(nothing, announcementOf('3'), { version: '3', value: 0.9 }).outcome).toBe('deploy');
  });

  it('believes the registry about what was deployed last, if that is the champion', () => {
    const record = live(announcementOf('3', { current_value: 0.99 }));
    expect(outcome(record, announcementOf('4'), { version: '3', value: 0.85 }).outcome).toBe('deploy');
    expect(outcome(record, announcementOf('4'), { version: '2', value: 0.85 }).outcome).toBe('superseded');
    expect(outcome(record, announcementOf('4'), { version: '3' }).outcome).toBe('superseded');
  });

  it('is worse than what is live all the same', () => {
    const record = live(announcementOf('3', { current_value: 0.95 }));
    expect(outcome(record, announcementOf('4'), { version: '2', value: 0.8 })).toMatchObject({ by: '3' });
  });
});

describe('when an operator deploys', () => {
  const forced = { by: 'ada', reason: 'v4 answers too slowly' };

  it('takes anything, but waits for who is at it', () => {
    const record = live(announcementOf('4', { current_value: 0.99 }));
    expect(outcome(record, announcementOf('3'), { version: '4', value: 0.99 }, true).outcome).toBe('deploy');
    expect(outcome(record, announcementOf('4'), undefined, true).outcome).toBe('deploy');
    expect(outcome(claimed(announcementOf('5')), announcementOf('3'), undefined, true).outcome).toBe('wait');
  });

  it('what was announced before does not undo it, and what is announced later may', () => {
    const record = live(announcementOf('3'), { forced, at: '2026-12-01T11:00:00.000Z' });
    const better = { current_value: 0.99 };
    const before = announcementOf('4', better, { time: '2026-12-01T11:00:00.000Z' });
    expect(outcome(record, before)).toEqual({
      outcome: 'superseded',
      by: '3',
      reason: 'ada deployed version 3 after it was announced (v4 answers too slowly)',
    });
    const later = announcementOf('5', better, { time: '2026-12-01T11:00:00.001Z' });
    expect(outcome(record, later).outcome).toBe('deploy');
  });
});
