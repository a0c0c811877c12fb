import { Command, CommanderError } from 'commander';
import { deploy } from './commands/deploy.ts';
import { dev } from './commands/dev.ts';
import { dlq } from './commands/dlq.ts';
import { emit } from './commands/emit.ts';
import { judge } from './commands/judge.ts';
import { listen } from './commands/listen.ts';
import { notify } from './commands/notify.ts';
import { peek } from './commands/peek.ts';
import { provision } from './commands/provision.ts';
import { replay } from './commands/replay.ts';
import { serve } from './commands/serve.ts';
import { status } from './commands/status.ts';
import { sweep } from './commands/sweep.ts';
import { work } from './commands/work.ts';
import { workers } from './commands/workers.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { paint, printable } from './output.ts';

const EXIT_CODES = `
Exit codes: 0 done · 1 a fault of ours · 2 something given is wrong · 3 the carrier is away, try later
            4 what was asked for is not there · 5 no credentials, or not the right
            6 not deployed: a better or a newer version is`;

/** Runs the command line and returns its exit code. An error is one sentence on stderr. */
export async function run(words: readonly string[]): Promise<number> {
  const program = new Command('hikyaku')
    .description(
      'carries typed messages on AWS: judge models, announce them, deploy them, look at the queues',
    )
    .addHelpText(
      'after',
      `${EXIT_CODES}\n\nWhich carrier: TRANSPORT_URL, for example sqs://eu-west-1; else the system that npm start runs here.`,
    );
  for (const command of [
    dev,
    emit,
    judge,
    deploy,
    serve,
    sweep,
    work,
    workers,
    status,
    peek,
    dlq,
    replay,
    notify,
    listen,
    provision,
  ])
    program.addCommand(command);
  settle(program);
  try {
    await program.parseAsync(words, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof CommanderError)) report(error);
    return exitCodeOf(error);
  }
}

/** Has every command throw instead of exiting, and point to its help. */
function settle(command: Command): void {
  command.exitOverride().showHelpAfterError('(--help shows what there is)');
  for (const child of command.commands) settle(child);
}

function report(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`${paint('red', 'error')}: ${printable(message)}`);
  if (exitCodeOf(error) !== EXIT.unexpected || !(error instanceof Error)) return;
  // A fault of ours: whoever reports it needs to know where it was.
  for (const line of error.stack?.split('\n') ?? []) console.error(printable(line));
}
