import { describe, expect, it } from 'vitest';
import { fetchedSecrets, SecretUnavailable } from './secrets.ts';

/** Secrets that come from a list, one answer for each request, by a clock that the test turns. */
function fetching(...answers: (readonly string[] | Error)[]) {
  const clock = { now: 1_000_000 };
  let fetches = 0;
  const secrets = fetchedSecrets(
    async () => {
      const answer = answers[Math.min(fetches++, answers.length - 1)];
      if (answer instanceof Error || answer === undefined) throw answer;
      return answer;
    },
    () => clock.now,
  );
  return { secrets, fetches: () => fetches, pass: (ms: number) => (clock.now += ms) };
}

const AWAY = new SecretUnavailable('away');

describe('secrets that are fetched', () => {
  it('are fetched once, when they are needed, however many ask', async () => {
    const { secrets, fetches } = fetching(['one']);
    expect(fetches()).toBe(0);
    expect(await Promise.all([secrets.current(), secrets.current()])).toEqual([['one'], ['one']]);
    await secrets.current();
    expect(fetches()).toBe(1);
  });

  it('are renewed at most once a minute', async () => {
    const { secrets, fetches, pass } = fetching(['old'], ['new', 'old'], ['newest']);
    await secrets.current();
    expect(await secrets.renewed()).toBeUndefined();
    pass(60_000);
    expect(await Promise.all([secrets.renewed(), secrets.renewed()])).toEqual([
      ['new', 'old'],
      ['new', 'old'],
    ]);
    expect(await secrets.current()).toEqual(['new', 'old']);
    pass(59_999);
    expect(await secrets.renewed()).toBeUndefined();
    expect(fetches()).toBe(2);
  });

  it('no longer count some minutes after they were taken back', async () => {
    const { secrets, pass } = fetching(['leaked'], ['new']);
    await secrets.current();
    pass(299_999);
    expect(await secrets.current()).toEqual(['leaked']);
    pass(1);
    expect(await secrets.current()).toEqual(['new']);
  });

  it('are fetched again after the clock was put back', async () => {
    const { secrets, pass } = fetching(['taken back'], ['new'], ['newest']);
    await secrets.current();
    pass(-3_600_000);
    expect(await secrets.current()).toEqual(['new']);
    pass(-3_600_000);
    expect(await secrets.renewed()).toEqual(['newest']);
  });

  it('keep counting while they cannot be fetched, and are asked for once a minute', async () => {
    const { secrets, fetches, pass } = fetching(['known'], AWAY, AWAY, ['new']);
    await secrets.current();
    pass(300_000);
    expect(await secrets.current()).toEqual(['known']);
    expect(await secrets.current()).toEqual(['known']);
    expect(fetches()).toBe(2);
    pass(60_000);
    await expect(secrets.renewed()).rejects.toBe(AWAY);
    pass(60_000);
    expect(await secrets.current()).toEqual(['new']);
  });

  it('are asked for each time until they were had once', async () => {
    const { secrets } = fetching(AWAY, ['one']);
    await expect(secrets.current()).rejects.toBe(AWAY);
    expect(await secrets.current()).toEqual(['one']);
  });
});
