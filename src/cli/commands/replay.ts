import { Command } from 'commander';
import { findSubscription } from '../../config/find.ts';
import type { ReplayOptions } from '../../operate/dead-letters.ts';
import { readHistory, replayHistory } from '../../operate/history.ts';
import type { Address, HistoryMessage, HistoryRange, Transport } from '../../transport/transport.ts';
import { moment, wholeNumber } from '../arguments.ts';
import { withTransport } from '../context.ts';
import { BadInput } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { stoppable } from '../stop-signals.ts';

interface Options {
  readonly from: number;
  readonly to?: number;
  readonly rate?: number;
  readonly dryRun?: true;
  readonly json?: true;
}

/** What is told of each message, and of all of them. */
interface Tally {
  take(messages: readonly HistoryMessage[]): void;
  leave(messages: readonly HistoryMessage[]): void;
  begun(): boolean;
  tell(): void;
}

export const replay = new Command('replay')
  .description('bring a subscription once more what it was handed within a time')
  .argument('<subscription>', 'topic/subscription, or the topic where it has only one')
  .requiredOption('--from <time>', 'from then on, by when the messages were accepted', moment)
  .option('--to <time>', 'before then (default: now)', moment)
  .option('--dry-run', 'only count which ones it would be')
  .option(
    '--rate <count>',
    'at most so many a second; Ctrl-C ends it between two pages',
    wholeNumber(1, 1_000_000),
  )
  .option('--json', 'one JSON object a line for each message')
  .addHelpText(
    'after',
    '\nOnly where the carrier keeps history: Redis with a retention. What the subscription is not done with is left as it is.\n\nExamples:\n  $ hikyaku replay model_ready_to_deploy --from 2026-11-20T10:00:00Z --dry-run\n  $ hikyaku replay model_ready_to_deploy/deploy --from 2026-11-20T10:00:00Z --to 2026-11-20T11:00:00+01:00 --rate 20',
  )
  .action((name: string, options: Options) =>
    withTransport(async ({ config, transport, signingKeys }) => {
      const { from, to = Date.now() } = options;
      if (from >= to) {
        throw new BadInput(`--from ${iso(from)} is not before --to ${iso(to)}: nothing lies between`);
      }
      const { address } = findSubscription(config, name);
      const tally = createTally(options);
      try {
        if (options.dryRun) await count(transport, address, { from, to }, tally);
        else {
          await stoppable((signal) =>
            bring(transport, address, { from, to }, { ...options, signal, signingKeys }, tally),
          );
        }
      } catch (error) {
        if (tally.begun()) tally.tell();
        throw error;
      }
      tally.tell();
    }),
  );

async function count(
  transport: Transport,
  address: Address,
  range: HistoryRange,
  tally: Tally,
): Promise<void> {
  for await (const page of readHistory(transport, address, range)) {
    tally.take(page.filter(({ undone }) => !undone));
    tally.leave(page.filter(({ undone }) => undone));
  }
}

async function bring(
  transport: Transport,
  address: Address,
  range: HistoryRange,
  { rate, ...options }: Pick<Options, 'rate'> & Pick<ReplayOptions, 'signal' | 'signingKeys'>,
  tally: Tally,
): Promise<void> {
  let problem: Error | undefined;
  for await (const { replayed, undone, failed } of replayHistory(transport, address, range, {
    ...options,
    ...(rate !== undefined && { perSecond: rate }),
  })) {
    tally.take(replayed);
    tally.leave(undone);
    problem ??= failed[0]?.error;
  }
  if (problem !== undefined) throw problem;
}

/** Keeps counts, not messages: there may be millions. */
function createTally({ json, dryRun }: Options): Tally {
  const key = dryRun ? 'would_be' : 'was';
  let taken = 0;
  let left = 0;
  let first: number | undefined;
  let last = 0;
  return {
    take(messages) {
      for (const { id, enqueuedAt } of messages) {
        taken++;
        first ??= enqueuedAt;
        last = enqueuedAt;
        if (json) printJson({ id, enqueuedAt, [key]: 'replayed' });
      }
    },
    leave(messages) {
      left += messages.length;
      for (const { id, enqueuedAt } of messages) {
        if (json) printJson({ id, enqueuedAt, [key]: 'left' });
      }
    },
    begun: () => taken + left > 0,
    tell() {
      if (json) return;
      const when = first === undefined ? '' : `, from ${iso(first)} to ${iso(last)}`;
      print(`${dryRun ? 'would be ' : ''}replayed: ${taken}${when}`);
      if (left > 0) print(`left, because they are not done yet: ${left}`);
    },
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
