import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryTransport } from '../../src/transport/memory/memory.ts';
import { createSqsTransport } from '../../src/transport/sqs/sqs.ts';
import { openTransport } from '../../src/transport/url.ts';
import { type Carrier, createWorld } from '../conformance/world.ts';
import { type Breakage, breakCarrier } from '../simulation/break-carrier.ts';
import { startTestFauxqs } from '../support/fauxqs.ts';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';
import { COMMANDS, settleAccounts } from './commands.ts';
import type { Model, Real } from './model.ts';

/** How many runs on each carrier: `HIKYAKU_MODEL_RUNS`, which draws others each time; else the same 20. */
const ASKED = Math.trunc(Number(process.env['HIKYAKU_MODEL_RUNS'] ?? 0)) || 0;
const RUNS = ASKED > 0 ? { numRuns: ASKED } : { numRuns: 20, seed: 1 };

const CARRIERS: Readonly<Record<string, () => Promise<Carrier>>> = {
  memory: async () => memory,
  'memory, ordered': async () => ({ ...memory, ordered: true }),
  file: async () => {
    const root = mkdtempSync(join(tmpdir(), 'hikyaku-model-'));
    return {
      open: (topology) => openTransport(`${pathToFileURL(root)}?prefix=${topology.prefix}`, topology),
      provisions: true,
      close: async () => rmSync(root, { recursive: true, force: true }),
    };
  },
  redis: () => onRedis((url) => url),
  'redis+list': () => onRedis((url) => url.replace(/^redis:/, 'redis+list:')),
  sqs: onFauxqs,
  'sqs, FIFO': async () => ({ ...(await onFauxqs()), ordered: true }),
};

const memory: Carrier = {
  open: async (topology) => createMemoryTransport(topology),
  provisions: false,
  local: true,
  close: async () => {},
};

async function onRedis(urlOf: (url: string) => string): Promise<Carrier> {
  const { url, stop } = await startRedis();
  return { open: (topology) => openTransport(urlOf(url), topology), provisions: true, close: stop };
}

async function onFauxqs(): Promise<Carrier> {
  const { options, stop } = await startTestFauxqs();
  return { open: async (topology) => createSqsTransport(topology, options), provisions: true, close: stop };
}

/** Runs these commands on a topology of its own. */
async function follow(carrier: Carrier, commands: Iterable<fc.AsyncCommand<Model, Real>>): Promise<void> {
  const world = await createWorld(carrier);
  const model: Model = {
    ordered: carrier.ordered ?? false,
    countsReleases: world.transport.name === 'sqs',
    onlyHides: world.transport.countsPostponed?.('orders') ?? false,
    known: new Map(),
    orders: 0,
  };
  const real: Real = {
    transport: world.transport,
    held: new Map(),
    letters: new Map(),
    ...(!carrier.local && {
      async reopen() {
        await real.transport.close();
        return carrier.open(world.topology);
      },
    }),
  };
  try {
    await fc.asyncModelRun(() => ({ model, real }), commands);
    await settleAccounts(model, real);
  } finally {
    await real.transport.close();
  }
}

function anyCommands(carrier: Carrier) {
  return fc.asyncProperty(fc.commands([...COMMANDS], { maxCommands: 30, size: '+1' }), (commands) =>
    follow(carrier, commands),
  );
}

/** What it takes no long lease to find. */
const FOUND: readonly Breakage[] = [
  'drops',
  'acknowledges early',
  'loses retries',
  'forgets delays',
  'counts what is postponed',
  'keeps what is given back',
  'dead-letters untried',
  'hands over too much',
];

describe.concurrent('the model', { timeout: 120_000 }, () => {
  it.each(FOUND)('finds out about a carrier that %s', async (breakage) => {
    const broken: Carrier = {
      ...memory,
      open: async (topology) => breakCarrier(createMemoryTransport(topology), breakage),
    };
    const { failed } = await fc.check(anyCommands(broken), { ...RUNS, endOnFailure: true });
    expect(failed).toBe(true);
  });
});

describe.concurrent('a carrier does as the model says', { timeout: 60_000 + 10_000 * RUNS.numRuns }, () => {
  for (const [name, start] of Object.entries(CARRIERS)) {
    describe.skipIf(WITHOUT_REDIS && name.startsWith('redis'))(name, () => {
      let carrier: Carrier;
      beforeAll(async () => {
        carrier = await start();
      });
      afterAll(() => carrier.close());

      it('whatever is done, in any order', async () => {
        // What fails takes long to be made smaller, for all of it waits for real leases.
        await fc.assert(anyCommands(carrier), { ...RUNS, endOnFailure: true });
      });
    });
  }
});
