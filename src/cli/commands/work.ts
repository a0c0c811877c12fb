import { Command } from 'commander';
import type { FoundSubscription } from '../../config/define-config.ts';
import { findSubscription } from '../../config/find.ts';
import { startWorkers } from '../../consume/workers.ts';
import { type CourierEvent, observe } from '../../observe/events.ts';
import { type HealthServer, startHealthServer } from '../../operate/health.ts';
import { wholeNumber } from '../arguments.ts';
import { withTransport } from '../context.ts';
import { BadInput } from '../exit.ts';
import { printModels } from '../model-line.ts';
import { paint, print, printable, printJson } from '../output.ts';
import { onStopSignals } from '../stop-signals.ts';

interface Options {
  readonly concurrency: number;
  readonly prefetch?: number;
  readonly health?: number;
  readonly json?: true;
}

export const work = new Command('work')
  .description('run a consumer of each subscription until Ctrl-C or SIGTERM, which drain them')
  .argument('<subscription...>', 'topic/subscription, or the topic where it has only one')
  .option(
    '-c, --concurrency <count>',
    'how many messages of each are handled at once',
    wholeNumber(1, 1_000),
    10,
  )
  .option(
    '--prefetch <count>',
    'how many more to fetch ahead (default: what one request brings, at most --concurrency)',
    wholeNumber(0, 1_000),
  )
  .option('--health <port>', 'answer /healthz and /readyz on this port', wholeNumber(0, 65_535))
  .option('--json', 'one JSON object a line for each event')
  .addHelpText(
    'after',
    '\nExamples:\n  $ TRANSPORT_URL=sqs://eu-west-1 hikyaku work model_ready_to_deploy/deploy\n  $ hikyaku work order_placed/mail order_placed/stock --health 8080',
  )
  .action((names: readonly string[], { concurrency, prefetch, health, json }: Options) =>
    withTransport(async ({ config, transport, signingKeys }) => {
      const subscriptions = [...new Set(names)].map((name) => findSubscription(config, name));
      const unobserve = observe((event) => (json ? printJson(event) : print(line(event))));
      const unobserveModels = printModels(json);
      const workers = await startWorkers({
        transport,
        subscriptions,
        concurrency,
        signingKeys,
        ...(prefetch !== undefined && { prefetch }),
      });
      const close = (): void => void workers.close();
      const unlisten = onStopSignals(close);
      let server: HealthServer | undefined;
      try {
        server = health === undefined ? undefined : await serveHealth(health, workers.health);
        if (server !== undefined && json) printJson({ event: 'health', port: server.port });
        else if (server !== undefined) print(`health on port ${server.port}`);
        if (!json) print(`consuming ${describe(subscriptions)} on ${transport.name}, ${concurrency} at once`);
        // Asked of a carrier that may be away: the worker waits for it, and so must not end here.
        for (const warning of (await transport.warnings?.().catch(() => [])) ?? []) {
          if (json) printJson({ event: 'warning', warning });
          else print(`${paint('yellow', 'warning')}  ${printable(warning)}`);
        }
        await workers.ended;
      } finally {
        await workers.close();
        await server?.close();
        unlisten();
        unobserve();
        unobserveModels();
      }
    }),
  );

async function serveHealth(
  port: number,
  health: Parameters<typeof startHealthServer>[0]['health'],
): Promise<HealthServer> {
  try {
    return await startHealthServer({ port, health });
  } catch (error) {
    throw new BadInput(`port ${port} cannot be had: ${error instanceof Error ? error.message : error}`);
  }
}

function describe(subscriptions: readonly FoundSubscription[]): string {
  return subscriptions.map(({ address }) => `${address.topic}/${address.subscription}`).join(', ');
}

function line(event: CourierEvent): string {
  const about = 'id' in event ? printable(event.id) : '';
  switch (event.event) {
    case 'handled':
      return `${paint('green', 'handled')}  ${about}  attempt ${event.attempt}, ${Math.round(event.ms)} ms`;
    case 'retried':
      return `${paint('yellow', 'retried')}  ${about}  attempt ${event.attempt} failed (${printable(event.error)}), again in ${event.delayMs} ms`;
    case 'postponed':
      return `${paint('yellow', 'postponed')}  ${about}  ${printable(event.error)}, again in ${event.delayMs} ms`;
    case 'dead_lettered':
      return `${paint('red', 'dead')}     ${about}  ${event.code}: ${printable(event.error)}`;
    case 'settle_failed':
      return `${paint('red', 'unsettled')}  ${about}  ${event.action}: ${event.code}; it comes again`;
    case 'carrier_unavailable':
      return `${paint('red', 'away')}     ${event.transport}: ${printable(event.error)}`;
    case 'carrier_back':
      return `${paint('green', 'back')}     ${event.transport}`;
    default:
      return `${event.event}  ${about}`;
  }
}
