import { createHash } from 'node:crypto';
import { defineConfig, topic } from '../../src/config/define-config.ts';
import { findSubscription } from '../../src/config/find.ts';
import { observe } from '../../src/observe/events.ts';
import { createPublisher } from '../../src/publish/publisher.ts';
import { TransportError } from '../../src/transport/errors.ts';
import type { Limits, Transport } from '../../src/transport/transport.ts';
import type { Entry, Report } from '../fault/ledger/entry.ts';
import { createRandom, seedOf } from '../fault/random.ts';
import { judge } from '../fault/verdict.ts';
import { createCarrier } from './carrier.ts';
import { type Consumer, type ConsumerWorld, startConsumer } from './consumer.ts';
import { connect, UNDISTURBED } from './line.ts';
import type { Plan } from './plan.ts';
import { type Actor, inVirtualTime } from './virtual-time.ts';
import { sumOf, WORK, Work } from './work.ts';

/** What happened in one run, and what of it must not. */
export interface Outcome {
  /** A line for each thing that happened. */
  readonly history: readonly string[];
  /** Of the history: the same seed gives the same one. */
  readonly hash: string;
  readonly problems: readonly string[];
  /** What the ledger of a run among real processes would hold. */
  readonly entries: readonly Entry[];
  readonly deaths: number;
}

/** Something that breaks the promise between a process and the carrier, without saying so. */
export type Breaking = (transport: Transport) => Transport;

/** How long all of it may take, in virtual ms: far longer than any of it does. */
const LIMIT_MS = 7 * 24 * 3_600_000;

/** Runs the whole of one plan: a publisher, consumers, and what happens to them. */
export async function simulate(plan: Plan, breaking: Breaking = (transport) => transport): Promise<Outcome> {
  const core = createRandom(seedOf(plan.seed, 'core'));
  return inVirtualTime(
    () => core.whole(0, 2 ** 30) / (2 ** 30 + 1),
    async (time) => {
      const history: string[] = [];
      const entries: Entry[] = [];
      const problems: string[] = [];
      let deaths = 0;
      let reasons = 0;

      const write = (by: string, what: string): void =>
        void history.push(`${time.now.toFixed(3)} ${by}: ${what}`);
      const wrong = (what: string): void => {
        const by = time.actor?.name ?? 'carrier';
        problems.push(`${by} ${what}, at ${time.now.toFixed(3)}`);
        write(by, `WRONG: ${what}`);
      };
      const report = (said: Report, by = time.actor?.name ?? 'carrier'): void => {
        entries.push({ ...said, at: time.now, by });
        write(by, JSON.stringify(said));
      };

      const config = defineConfig({
        topics: [
          topic(
            Work,
            {
              [WORK.subscription]: {
                loadHandler: () => Promise.reject(new Error('it is started without')),
                retry: { maxAttempts: plan.maxAttempts, baseMs: plan.baseMs, maxMs: 5_000 },
                handlerTimeoutMs: plan.handlerTimeoutMs,
                lambda: { entry: 'none.ts', batchSize: Math.min(plan.entries, 10) },
              },
            },
            { ordered: plan.kind.ordered },
          ),
        ],
      });
      const found = findSubscription(config, 'work');
      const disturbed = new WeakSet<Actor>();
      const carrier = createCarrier(
        plan.kind,
        found.subscription.maxDeliveries,
        createRandom(seedOf(plan.seed, 'carrier')),
        time,
        {
          dead: (id, code, attempts) => report({ what: 'dead', id, code, attempts }),
          doubled: (id) => {
            reasons++;
            report({ what: 'resent', id });
          },
          unanswered({ copy, holder }) {
            reasons++;
            write('carrier', `the lease of ${copy.message.id} has ended, which ${holder.name} had`);
            if (!disturbed.has(holder)) wrong(`had no answer from ${holder.name} for ${copy.message.id}`);
          },
        },
      );
      const limits: Limits = {
        sendEntries: plan.entries,
        sendBytes: 1e6,
        messageBytes: 1e6,
        publishDelayMs: 900_000,
        receiveEntries: plan.entries,
        waitMs: 20_000,
        settleEntries: plan.entries,
        retryDelayMs: 12 * 3_600_000,
        postponeDelayMs: 900_000,
        leaseMs: 12 * 3_600_000,
        granularityMs: 1,
      };
      const lines = createRandom(seedOf(plan.seed, 'lines'));
      const blame = (actor: Actor, why: string): void => {
        reasons++;
        disturbed.add(actor);
        write(actor.name, why);
      };
      const connected = (actor: Actor): Transport =>
        connect({
          time,
          carrier,
          actor,
          random: lines,
          limits,
          maxDeliveries: found.subscription.maxDeliveries,
          disturbance: () => (time.now < plan.calmAt ? plan.disturbance : UNDISTURBED),
          onDisturbed: () => blame(actor, 'a call goes wrong'),
        });
      const stopObserving = observe(({ event, ...about }) =>
        write(time.actor?.name ?? 'nobody', `${event} ${JSON.stringify(about)}`),
      );

      const world: ConsumerWorld = {
        time,
        plan,
        found,
        carrier,
        random: createRandom(seedOf(plan.seed, 'consumers')),
        postponed: new Map(),
        connect: (actor) => breaking(connected(actor)),
        report,
        wrong,
        blame,
        isBlamed: (actor) => disturbed.has(actor),
        deaths: () => deaths,
        onDeath() {
          deaths++;
        },
      };

      // Whoever publishes.
      const producer: Actor = { name: 'producer', dead: false, standsUntil: 0 };
      let unanswered = plan.messages.length;
      let publisherClosed = false;
      time.as(producer, () => {
        const publisher = createPublisher({ transport: breaking(connected(producer)), giveUpAfterMs: 5_000 });
        for (const { id, at, key, delayMs, data } of plan.messages) {
          time.after(at, producer, () => {
            const poison =
              data.does === 'poison'
                ? 'throws'
                : data.does === 'rejects' || data.does === 'kills'
                  ? 'kills'
                  : undefined;
            report({
              what: 'publishing',
              id,
              sum: sumOf(data),
              ...(key !== undefined && { key }),
              ...(poison !== undefined && { poison }),
            });
            void publisher
              .publish(Work, data, {
                id,
                ...(key !== undefined && { key }),
                ...(delayMs !== undefined && { delayMs }),
              })
              .then(
                () => report({ what: 'accepted', id }),
                (error: unknown) =>
                  report({
                    what: 'refused',
                    id,
                    code: error instanceof TransportError ? error.code : String(error),
                  }),
              )
              .then(() => {
                unanswered--;
                if (unanswered > 0) return;
                void publisher.close().then(() => {
                  publisherClosed = true;
                });
              });
          });
        }
      });

      const consumers: Consumer[] = Array.from({ length: plan.consumers }, (_, n) =>
        startConsumer(world, `c${n}`),
      );
      for (const { at, consumer, what, ms } of plan.incidents) {
        time.after(at, undefined, () => {
          if (what === 'double') carrier.double(plan.messages[ms % plan.messages.length]?.id ?? '');
          else consumers[consumer]?.[what](ms);
        });
      }

      const over = await time.pass(
        LIMIT_MS,
        () =>
          publisherClosed && time.now > plan.calmAt && carrier.empty && consumers.every(({ idle }) => idle),
      );
      if (!over) wrong('is not over, and never will be');
      for (const consumer of consumers) consumer.end();
      const closed = over && (await time.pass(LIMIT_MS, () => consumers.every(({ ended }) => ended)));
      if (over && !closed) wrong('did not close');
      if (time.timersOf(producer) > 0) wrong(`has ${time.timersOf(producer)} timers of the closed publisher`);
      stopObserving();

      const verdict = judge(
        entries,
        {
          times: 1,
          duplicates: reasons,
          recoveryMs: Number.POSITIVE_INFINITY,
          ...(plan.calm &&
            !plan.kind.ordered &&
            !plan.kind.countsReleases &&
            deaths === 0 && { attempts: plan.maxAttempts }),
        },
        plan.kind.ordered,
      );
      for (const { text, ids } of verdict.problems) problems.push(`${text}: ${ids.join(', ')}`);
      const hash = createHash('sha256').update(history.join('\n')).digest('hex');
      return { history, hash, problems, entries, deaths };
    },
  );
}
