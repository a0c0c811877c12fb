import { Command, Option } from 'commander';
import { findSubscription } from '../../config/find.ts';
import { DEAD_LETTER_CODES, type DeadLetterCode } from '../../message/dead-letter.ts';
import { type DeadLetterGroup, diedAt, groupDeadLetters } from '../../operate/dead-letter-groups.ts';
import {
  type DeadLetterResult,
  type DeadLetterSelection,
  type DeadLetterView,
  listDeadLetters,
  purgeDeadLetters,
  type ReplayOptions,
  replayDeadLetters,
} from '../../operate/dead-letters.ts';
import { wholeNumber } from '../arguments.ts';
import { type Context, withTransport } from '../context.ts';
import { BadInput, NotThere } from '../exit.ts';
import { ago, paint, print, printable, printJson, table } from '../output.ts';
import { stoppable } from '../stop-signals.ts';

interface Options {
  readonly json?: true;
  readonly reason?: DeadLetterCode;
  readonly group?: string;
  readonly groups?: true;
  readonly all?: true;
  readonly dryRun?: true;
  readonly rate?: number;
}

const SUBSCRIPTION = ['<subscription>', 'topic/subscription, or the topic where it has only one'] as const;
const reason = (): Option =>
  new Option('--reason <code>', 'only those given up for this reason').choices([...DEAD_LETTER_CODES]);

const group = (): Option =>
  new Option('--group <fingerprint>', 'only those that died of the same, as "list --groups" shows');

const list = new Command('list')
  .description('show what stands in the dead-letter queue')
  .argument(...SUBSCRIPTION)
  .addOption(reason())
  .addOption(group())
  .option('--groups', 'by what they died of, with how many there are of each')
  .option('--json', 'one JSON object a line for each dead letter, or group')
  .action((name: string, options: Options) =>
    withTransport(async (context) => {
      const views = await listDeadLetters(
        context.transport,
        addressOf(context, name),
        selection([], options),
      );
      const groups = options.groups ? groupDeadLetters(views) : [];
      if (options.json && options.groups) groups.map(groupSummary).forEach(printJson);
      else if (options.json) views.map(summary).forEach(printJson);
      else if (groups.length > 0) print(groupTable(groups));
      else if (views.length === 0) print('no dead letters');
      else print(deadLetterTable(views));
    }),
  );

const show = new Command('show')
  .description('show one dead letter whole: reason, history, headers and bytes')
  .argument(...SUBSCRIPTION)
  .argument('<id>', 'its id, as list shows it')
  .option('--json', 'as one JSON object')
  .action((name: string, id: string, { json }: Options) =>
    withTransport(async (context) => {
      const [view] = await listDeadLetters(context.transport, addressOf(context, name), { ids: [id] });
      if (view === undefined)
        throw new NotThere(
          `no dead letter ${id} in ${name}: "hikyaku dlq list ${name}" shows those there are`,
        );
      if (json) printJson({ ...summary(view), headers: view.headers, body: view.body });
      else print(whole(view));
    }),
  );

const replay = acting(
  'replay',
  'send dead letters back to their subscription',
  replayDeadLetters,
  'replayed',
).option('--rate <count>', 'at most so many a second; Ctrl-C ends it between two', wholeNumber(1, 1_000_000));
const purge = acting(
  'purge',
  'remove dead letters for good; Ctrl-C ends it between two pages',
  purgeDeadLetters,
  'purged',
);

export const dlq = new Command('dlq')
  .description('look at dead letters, replay or purge them')
  .addCommand(list)
  .addCommand(show)
  .addCommand(replay)
  .addCommand(purge)
  .addHelpText(
    'after',
    '\nExamples:\n  $ hikyaku dlq list model_ready_to_deploy\n  $ hikyaku dlq replay model_ready_to_deploy --all --reason exhausted --rate 20\n  $ hikyaku dlq list model_ready_to_deploy --groups\n  $ hikyaku dlq replay model_ready_to_deploy --group 4f1c0e9a2b\n  $ hikyaku dlq purge model_ready_to_deploy --all --dry-run',
  );

function acting(
  verb: string,
  description: string,
  act: (
    transport: Context['transport'],
    address: ReturnType<typeof addressOf>,
    selection: DeadLetterSelection,
    options: ReplayOptions,
  ) => Promise<DeadLetterResult>,
  done: string,
): Command {
  return new Command(verb)
    .description(description)
    .argument(...SUBSCRIPTION)
    .argument('[ids...]', 'which ones; or use --all, --reason or --group')
    .option('--all', 'all of them')
    .addOption(reason())
    .addOption(group())
    .option('--dry-run', 'only show which ones it would be')
    .option('--json', 'one JSON object a line for each dead letter')
    .action((name: string, ids: string[], options: Options) =>
      withTransport(async (context) => {
        if (ids.length === 0 && !options.all && options.reason === undefined && options.group === undefined) {
          throw new BadInput(
            `which ones? Name ids, or give --all, --reason or --group: hikyaku dlq ${verb} ${name} --all`,
          );
        }
        if (ids.length > 0 && options.all) {
          throw new BadInput(
            '--all or these ids? Give one of them: ids may go with --reason and --group, and so may --all',
          );
        }
        const address = addressOf(context, name);
        const wanted = selection(ids, options);
        const {
          done: views,
          failed,
          stopped,
        } = options.dryRun
          ? { done: await listDeadLetters(context.transport, address, wanted), failed: [], stopped: false }
          : await stoppable(async (signal) => ({
              ...(await act(context.transport, address, wanted, {
                ...(options.rate !== undefined && { perSecond: options.rate }),
                signingKeys: context.signingKeys,
                signal,
              })),
              stopped: signal.aborted,
            }));
        for (const view of views) {
          if (options.json) printJson({ ...summary(view), [options.dryRun ? 'would_be' : 'was']: done });
        }
        if (!options.json) {
          if (views.length > 0) print(deadLetterTable(views));
          print(`${options.dryRun ? 'would be ' : ''}${done}: ${views.length}`);
        }
        const [first] = failed;
        if (first !== undefined) throw first.error;
        // What it did not come to may be there.
        if (stopped) return;
        const missing = ids.filter((id) => !views.some((view) => view.id === id));
        if (missing.length > 0) throw new NotThere(`no dead letter ${missing.join(', ')} in ${name}`);
        if (options.group !== undefined && views.length === 0) {
          throw new NotThere(
            `no dead letter of group ${options.group} in ${name}: "hikyaku dlq list ${name} --groups" shows those there are`,
          );
        }
      }),
    );
}

function addressOf({ config }: Context, name: string) {
  return findSubscription(config, name).address;
}

function selection(ids: readonly string[], { reason, group }: Options): DeadLetterSelection {
  return {
    ...(ids.length > 0 && { ids }),
    ...(reason !== undefined && { code: reason }),
    ...(group !== undefined && { fingerprint: group }),
  };
}

function summary({ id, reason, replays, enqueuedAt, body }: DeadLetterView) {
  return { id, ...reason, replays, enqueuedAt, bytes: Buffer.byteLength(body) };
}

function groupSummary({ first, last, ...group }: DeadLetterGroup) {
  return { ...group, first: new Date(first).toISOString(), last: new Date(last).toISOString() };
}

function groupTable(groups: readonly DeadLetterGroup[]): string {
  return table(
    ['group', 'count', 'reason', 'first', 'last', 'example', 'why'],
    groups.map(({ fingerprint, count, code, first, last, example, pattern }) => [
      fingerprint,
      count,
      printable(code),
      ago(first),
      ago(last),
      printable(example),
      printable(short(pattern)),
    ]),
  );
}

function short(text: string): string {
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
}

export function deadLetterTable(views: readonly DeadLetterView[]): string {
  return table(
    ['id', 'reason', 'attempts', 'replays', 'since', 'why'],
    views.map(({ id, reason, replays, enqueuedAt }) => [
      printable(id),
      printable(reason.code),
      reason.attempts,
      replays,
      ago(diedAt(reason.at, enqueuedAt)),
      printable(short(reason.message)),
    ]),
  );
}

function whole({ id, reason, replays, enqueuedAt, headers, body }: DeadLetterView): string {
  const history = reason.history.map(
    ({ attempt, at, error }) => `  attempt ${attempt}  ${printable(at)}  ${printable(error)}`,
  );
  return [
    `${paint('bold', printable(id))}  ${paint('red', printable(reason.code))}`,
    printable(reason.message),
    `attempts ${reason.attempts}, replays ${replays}, in the queue ${ago(enqueuedAt)}`,
    ...(history.length > 0 ? ['history', ...history] : []),
    'headers',
    ...Object.entries(headers).map(([name, value]) => `  ${printable(name)}: ${printable(value)}`),
    `body, ${Buffer.byteLength(body)} bytes`,
    printable(body),
  ].join('\n');
}
