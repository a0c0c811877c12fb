import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { announcementOf } from '../../../test/support/announcements.ts';
import { CANARY_WEBHOOK_SECRET } from '../../../test/support/canary.ts';
import { Postpone } from '../../consume/handler.ts';
import { modelReadyToDeploy } from '../contract.ts';
import { createMemoryClaims } from './claims/memory.ts';
import type { ClaimStore } from './claims/store.ts';
import { deployAs } from './deploy.ts';
import { DeployFailed } from './deploy-request.ts';
import { createDoor } from './door.ts';

const LEASE_MS = 60_000;

/** What becomes of a request: the platform may take the model, may answer, and whoever asks may die. */
const CONDUCTS = {
  taken: { isTaken: true, status: 200 },
  unanswered: { isTaken: true },
  lost: {},
  busy: { status: 503 },
  'killed before it': { isKilled: true },
  'killed after it': { isTaken: true, isKilled: true },
} as const;
type Conduct = { readonly isTaken?: true; readonly status?: number; readonly isKilled?: true };

/** A message comes. Of its ten versions a higher rank is better; their numbers have another order. */
interface Delivery {
  readonly rank: number;
  /** Of its requests in turn; those after them are taken. */
  readonly conducts: readonly (keyof typeof CONDUCTS)[];
  /** All leases are over by then. */
  readonly isLater: boolean;
}

const deliveries: fc.Arbitrary<Delivery[]> = fc.array(
  fc.record({
    rank: fc.integer({ min: 0, max: 9 }),
    conducts: fc.array(fc.constantFrom(...Object.keys(CONDUCTS).filter(isConduct)), { maxLength: 3 }),
    isLater: fc.boolean(),
  }),
  { maxLength: 25 },
);

function isConduct(name: string): name is keyof typeof CONDUCTS {
  return Object.hasOwn(CONDUCTS, name);
}

// Clocks are those of other machines, which need not be waited for.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A platform that does nothing about a webhook id that it has taken before, and processes that deploy to it. */
function system() {
  const store = createMemoryClaims();
  const taken = new Map<string, number>();
  let conducts: Conduct[] = [];
  let isKilled = false;

  vi.stubGlobal(
    'fetch',
    async (_: URL, { headers, body }: { headers: Record<string, string>; body: string }) => {
      const conduct: Conduct = conducts.shift() ?? CONDUCTS.taken;
      const id = headers['webhook-id'] ?? '';
      if (conduct.isTaken && !taken.has(id)) taken.set(id, JSON.parse(body).data.current_value);
      isKilled = conduct.isKilled ?? false;
      if (conduct.status === undefined) throw new TypeError('fetch failed');
      return new Response(null, { status: conduct.status });
    },
  );
  const mortal: ClaimStore = {
    ...store,
    write: (...write) => (isKilled ? Promise.reject(new Error('killed')) : store.write(...write)),
  };
  const door = createDoor({ store: mortal, leaseMs: LEASE_MS });
  const deploy = deployAs({
    url: 'https://platform.example.com',
    secret: CANARY_WEBHOOK_SECRET,
    // It does not wait for others, who are none.
    openDoor: async () => ({
      ...door,
      enter: (announced, options) => door.enter(announced, { ...options, signal: AbortSignal.abort() }),
    }),
    record: () => {},
  });
  return {
    /** What was live, in turn. */
    live: () => [...taken.values()],
    async deliver({ rank, conducts: given, isLater }: Delivery): Promise<void> {
      conducts = given.map((name) => CONDUCTS[name]);
      isKilled = false;
      if (isLater) vi.setSystemTime(Date.now() + LEASE_MS);
      const { id, time, data } = announcementOf(String((rank * 7) % 10), { current_value: rank / 10 });
      const announcement = { type: modelReadyToDeploy.name, id, time, data };
      await deploy(announcement, { signal: new AbortController().signal }).catch((error: unknown) => {
        if (!(error instanceof DeployFailed || error instanceof Postpone)) throw error;
      });
    },
  };
}

test('whatever fails, what is live only gets better, and in the end the best is', async () => {
  await fc.assert(
    fc.asyncProperty(deliveries, async (all) => {
      const { deliver, live } = system();
      for (const one of all) await deliver(one);
      // At least once: each comes again until it is answered.
      for (const { rank } of [...all, ...all]) await deliver({ rank, conducts: [], isLater: true });
      expect(live()).toEqual(live().toSorted());
      expect(live().at(-1)).toBe(
        all.length === 0 ? undefined : Math.max(...all.map(({ rank }) => rank / 10)),
      );
    }),
    { numRuns: 1_000 },
  );
}, 60_000);
