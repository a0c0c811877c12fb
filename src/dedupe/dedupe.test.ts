import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../test/support/redis.ts';
import { startWorker } from '../consume/worker.ts';
import { createSpy } from '../observe/spy.ts';
import { createPublisher } from '../publish/publisher.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Claim, ClaimOutcome, DedupeStore } from './dedupe.ts';
import { deduplicated } from './deduplicated.ts';
import { createMemoryDedupeStore } from './memory.ts';
import { createRedisDedupeStore } from './redis.ts';

const LEASE = 60_000;
const TTL = 300_000;
const times = { leaseMs: LEASE, ttlMs: TTL };

/** A store, and a way to make it believe that time has passed. */
interface Subject {
  readonly store: DedupeStore;
  pass(ms: number): Promise<void>;
}

function memorySubject(): Subject {
  let shift = 0;
  return {
    store: createMemoryDedupeStore(() => performance.now() + shift),
    pass: async (ms) => {
      shift += ms;
    },
  };
}

let prefixes = 0;

function redisSubject(redis: Redis): Subject {
  const prefix = `t${++prefixes}`;
  return {
    store: createRedisDedupeStore(redis, { prefix }),
    async pass(ms) {
      for (const name of await redis.keys(`${prefix}:dedupe:*`)) {
        const left = await redis.pttl(name);
        if (left <= ms) await redis.del(name);
        else {
          await redis.pexpire(name, left - ms);
          await redis.hincrby(name, 'until', -ms);
        }
      }
    },
  };
}

let server: RedisServer | undefined;
let redis: Redis;
beforeAll(async () => {
  if (WITHOUT_REDIS) return;
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

function claimed(outcome: ClaimOutcome): Claim {
  if (outcome === 'done' || outcome.status === 'busy')
    throw new Error(`not claimed: ${JSON.stringify(outcome)}`);
  return outcome;
}

const STORES = [
  { store: 'memory', open: () => memorySubject() },
  ...(WITHOUT_REDIS ? [] : [{ store: 'redis', open: () => redisSubject(redis) }]),
];

describe.each(STORES)('the $store store', ({ open }) => {
  it('gives a key to one, and knows when it is done', async () => {
    const { store } = open();
    const claim = claimed(await store.claim('k', times));
    const other = await store.claim('k', times);
    expect(other).toMatchObject({ status: 'busy' });
    if (other !== 'done' && other.status === 'busy') {
      expect(other.forMs).toBeGreaterThan(LEASE - 10_000);
      expect(other.forMs).toBeLessThanOrEqual(LEASE);
    }
    expect(await store.complete(claim)).toBe(true);
    expect(await store.claim('k', times)).toBe('done');
    // Said again, because the first answer was lost.
    expect(await store.complete(claim)).toBe(true);
    expect(await store.abandon(claim)).toBe(false);
  });

  it('gives a key on when its claim is abandoned', async () => {
    const { store } = open();
    const claim = claimed(await store.claim('k', times));
    expect(await store.abandon(claim)).toBe(true);
    const next = claimed(await store.claim('k', times));
    expect(next.token).toBeGreaterThan(claim.token);
    expect(await store.complete(claim)).toBe(false);
  });

  it('lets a claim be taken over after its lease, and fails what the old one says', async () => {
    const { store, pass } = open();
    const old = claimed(await store.claim('k', times));
    await pass(LEASE);
    const next = claimed(await store.claim('k', times));
    expect(next.token).toBeGreaterThan(old.token);
    expect(await store.complete(old)).toBe(false);
    expect(await store.abandon(old)).toBe(false);
    expect(await store.claim('k', times)).toMatchObject({ status: 'busy' });
    expect(await store.complete(next)).toBe(true);
  });

  it('completes late where nobody has taken over', async () => {
    const { store, pass } = open();
    const claim = claimed(await store.claim('k', times));
    await pass(LEASE + 1);
    expect(await store.complete(claim)).toBe(true);
    expect(await store.claim('k', times)).toBe('done');
  });

  it('takes over by its own clock', async () => {
    const { store } = open();
    await store.claim('k', { leaseMs: 30, ttlMs: 1_000 });
    const next = await vi.waitFor(async () => claimed(await store.claim('k', times)), { interval: 5 });
    expect(await store.complete(next)).toBe(true);
  });

  it('gives a key to exactly one of many that ask at once', async () => {
    const { store } = open();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => store.claim('k', times)));
    expect(outcomes.filter((one) => one !== 'done' && one.status === 'claimed')).toHaveLength(1);
  });

  it('does what its model does, whatever is asked in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 40 }), async (commands) => {
        const subject = open();
        await fc.asyncModelRun(
          () => ({ model: { keys: new Map(), claims: [], now: 0 }, real: { ...subject, claims: [] } }),
          commands,
        );
      }),
      { numRuns: 60 },
    );
  });
});

/** What a store should know of a key: the claim that counts, as its place in the list of all claims. */
interface ModelKey {
  state: 'claimed' | 'done' | 'abandoned';
  current: number;
  until: number;
  forgetAt: number;
}
interface Model {
  readonly keys: Map<string, ModelKey>;
  readonly claims: string[];
  now: number;
}
type Real = Subject & { readonly claims: Claim[] };

class ClaimKey implements fc.AsyncCommand<Model, Real> {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const known = model.keys.get(this.key);
    const outcome = await real.store.claim(this.key, times);
    const remembered = known !== undefined && known.forgetAt > model.now ? known : undefined;
    if (remembered?.state === 'done') {
      expect(outcome).toBe('done');
    } else if (remembered?.state === 'claimed' && remembered.until > model.now) {
      expect(outcome).toMatchObject({ status: 'busy' });
    } else {
      const claim = claimed(outcome);
      for (const [index, key] of model.claims.entries()) {
        if (key === this.key) expect(claim.token).toBeGreaterThan(real.claims[index]?.token ?? 0);
      }
      const until = model.now + LEASE;
      model.keys.set(this.key, {
        state: 'claimed',
        current: model.claims.length,
        until,
        forgetAt: until + TTL,
      });
      model.claims.push(this.key);
      real.claims.push(claim);
    }
  }
  toString = () => `claim ${this.key}`;
}

class End implements fc.AsyncCommand<Model, Real> {
  readonly verb: 'complete' | 'abandon';
  readonly which: number;
  constructor(verb: 'complete' | 'abandon', which: number) {
    this.verb = verb;
    this.which = which;
  }
  check = ({ claims }: Readonly<Model>) => claims.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const index = this.which % model.claims.length;
    const claim = real.claims[index];
    const known = model.keys.get(model.claims[index] ?? '');
    if (claim === undefined || known === undefined) throw new Error('no such claim');
    const current = known.current === index && known.forgetAt > model.now;
    const against = this.verb === 'complete' ? 'abandoned' : 'done';
    const expected = current && known.state !== against;
    expect(await real.store[this.verb](claim)).toBe(expected);
    if (!expected) return;
    if (this.verb === 'abandon') known.state = 'abandoned';
    else if (known.state === 'claimed') {
      known.state = 'done';
      known.forgetAt = model.now + TTL;
    }
  }
  toString = () => `${this.verb} ${this.which}`;
}

class Pass implements fc.AsyncCommand<Model, Real> {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    model.now += this.ms;
    await real.pass(this.ms);
  }
  toString = () => `${this.ms} ms pass`;
}

// Never within seconds of a lease's end: how long the commands themselves take must not matter.
const COMMANDS = [
  fc.constantFrom('a', 'b').map((key) => new ClaimKey(key)),
  fc.nat(20).map((which) => new End('complete', which)),
  fc.nat(20).map((which) => new End('abandon', which)),
  fc.constantFrom(17_000, 61_000, 310_000).map((ms) => new Pass(ms)),
];

describe.skipIf(WITHOUT_REDIS)('the redis store', () => {
  it('goes on when the server has forgotten its scripts', async () => {
    const { store } = redisSubject(redis);
    await redis.script('FLUSH');
    expect(await store.claim('k', times)).toMatchObject({ status: 'claimed' });
  });

  it('says in a TransportError that it cannot be reached', async () => {
    const away = new Redis({
      port: 1,
      host: '127.0.0.1',
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    away.on('error', () => undefined);
    await expect(createRedisDedupeStore(away).claim('k', times)).rejects.toMatchObject({
      name: 'TransportError',
      code: 'Unavailable',
      retryable: true,
    });
  });

  it('keeps nobody waiting for longer than a lease, when the server’s clock was put back', async () => {
    const { store } = redisSubject(redis);
    claimed(await store.claim('k', { leaseMs: 5_000, ttlMs: 60_000 }));
    const [name = ''] = await redis.keys(`t${prefixes}:dedupe:*`);
    await redis.hincrby(name, 'until', 3_600_000);
    // Whoever has it may be at work, however short the lease is that another asks for.
    const busy = await store.claim('k', { leaseMs: 10, ttlMs: 60_000 });
    expect(busy).toEqual({ status: 'busy', forMs: 5_000 });
    const again = await store.claim('k', { leaseMs: 10, ttlMs: 60_000 });
    expect(again).toMatchObject({ status: 'busy' });
    expect(again !== 'done' && again.status === 'busy' ? again.forMs : 0).toBeLessThanOrEqual(5_000);
  });

  it('forgets by itself', async () => {
    const { store } = redisSubject(redis);
    const claim = claimed(await store.claim('k', { leaseMs: 1_000, ttlMs: 20 }));
    await store.complete(claim);
    await vi.waitFor(async () => claimed(await store.claim('k', times)), { interval: 5 });
  });
});

describe('a deduplicated handler', () => {
  async function run(options: {
    store?: DedupeStore;
    handler: Parameters<typeof deduplicated<{ n: number; note?: string | undefined }>>[0];
    retry?: { maxAttempts?: number; baseMs?: number };
    leaseMs?: number;
    messages: readonly string[];
  }) {
    const { store = createMemoryDedupeStore(), handler, retry = {}, leaseMs, messages } = options;
    const transport = createMemoryTransport(topologyOf('ping', 'test'));
    const spy = createSpy();
    const worker = startWorker({
      transport,
      address: PING,
      contract: Ping,
      retry,
      handler: deduplicated(handler, store, { scope: 'test', ...(leaseMs !== undefined && { leaseMs }) }),
    });
    const publisher = createPublisher({ transport });
    for (const id of messages) await publisher.publish(Ping, { n: 1 }, { id });
    await vi.waitFor(
      async () => expect(await transport.depth(PING)).toMatchObject({ ready: 0, inFlight: 0, delayed: 0 }),
      10_000,
    );
    await worker.close({ deadlineMs: 0 });
    const depth = await transport.depth(PING);
    await transport.close();
    spy.close();
    return { spy, depth };
  }

  it('has its effect once, though its message comes three times, at once or later', async () => {
    const tokens: number[] = [];
    const { spy } = await run({
      handler: async (_, { fencingToken }) => {
        tokens.push(fencingToken);
      },
      messages: ['a', 'a', 'a', 'b'],
    });
    expect(tokens).toHaveLength(2);
    expect(spy.all('handled')).toHaveLength(4);
  });

  it('has its effect at the attempt that does not fail', async () => {
    const attempts: string[] = [];
    await run({
      retry: { baseMs: 1 },
      handler: async (_, { attempt, fencingToken, signal }) => {
        attempts.push(`${attempt} ${fencingToken} ${signal.aborted}`);
        if (attempt < 3) throw new Error('not yet');
      },
      messages: ['a'],
    });
    expect(attempts).toEqual(['1 1 false', '2 2 false', '3 3 false']);
  });

  it('waits for a claim whose owner died, and is not given up for waiting', async () => {
    const store = createMemoryDedupeStore();
    await store.claim('test:a', { leaseMs: 60, ttlMs: 1_000 });
    let runs = 0;
    const { spy, depth } = await run({
      store,
      retry: { maxAttempts: 1 },
      handler: () => {
        runs++;
      },
      messages: ['a'],
    });
    expect(runs).toBe(1);
    expect(spy.all('postponed')[0]).toMatchObject({ error: 'another consumer is at this message' });
    expect(spy.all('retried')).toEqual([]);
    expect(depth.dead).toBe(0);
  });

  it('asks for a longer lease through the handler’s own context', async () => {
    const extended: boolean[] = [];
    await run({
      handler: async (_, { extendLease }) => {
        extended.push(await extendLease(5_000));
      },
      messages: ['a'],
    });
    expect(extended).toEqual([true]);
  });
});
