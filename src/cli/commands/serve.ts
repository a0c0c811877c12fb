import { Command } from 'commander';
import { observe } from '../../observe/events.ts';
import { secretsFrom } from '../../secrets/secrets-from.ts';
import { isLoopback } from '../../text/loopback.ts';
import { wholeNumber } from '../arguments.ts';
import { withTransport } from '../context.ts';
import { BadInput } from '../exit.ts';
import { printModels } from '../model-line.ts';
import { paint, print, printable, printJson } from '../output.ts';
import { onStopSignals } from '../stop-signals.ts';

interface Options {
  readonly port: number;
  readonly host: string;
  readonly json?: true;
}

const TOKEN = 'HIKYAKU_TOKEN_PUBLISH';
const SECRET = 'MLFLOW_WEBHOOK_SECRET';

export const serve = new Command('serve')
  .description('take what model registries say, and evaluations, over HTTP until Ctrl-C or SIGTERM')
  .option('-p, --port <port>', 'listen on this port; 0 takes a free one', wholeNumber(0, 65_535), 8080)
  .option('--host <address>', `listen on this address; another than loopback needs ${TOKEN}`, '127.0.0.1')
  .option('--json', 'one JSON object a line for each event')
  .addHelpText(
    'after',
    `\nPOST /webhooks/mlflow (signed with ${SECRET}), POST /webhooks/sagemaker, POST /evaluations (bearer ${TOKEN}), GET /healthz, GET /readyz\n\nExamples:\n  $ MLFLOW_WEBHOOK_SECRET=… hikyaku serve\n  $ HIKYAKU_TOKEN_PUBLISH_FILE=/run/secrets/token hikyaku serve --host 0.0.0.0 --port 80`,
  )
  .action(({ port, host, json }: Options) =>
    withTransport(async ({ config, transport, signingKeys }) => {
      // Loaded here alone: nobody else listens for HTTP.
      const [{ CannotListen }, { serve }] = await Promise.all([
        import('../../serve/listen.ts'),
        import('../../serve/open.ts'),
      ]);
      const token = secretsFrom(process.env, TOKEN);
      const webhookSecret = secretsFrom(process.env, SECRET);
      if (token === undefined && !isLoopback(host.includes(':') ? `[${host}]` : host)) {
        throw new BadInput(
          `--host ${host} lets others in: set ${TOKEN}, which they must have, or leave it out`,
        );
      }
      await using begun = new AsyncDisposableStack();
      // Until all is closed: one Ctrl-C may arrive twice, and the second one must not cut off what is in flight.
      const stopped = Promise.withResolvers<void>();
      begun.defer(onStopSignals(stopped.resolve));
      begun.defer(printModels(json));
      begun.defer(
        observe((event) => {
          if (json) printJson(event);
          else if (event.event === 'carrier_unavailable')
            print(`${paint('red', 'away')}  ${event.transport}: ${printable(event.error)}`);
          else if (event.event === 'carrier_back') print(`${paint('green', 'back')}  ${event.transport}`);
        }),
      );
      const environment = process.env;
      const options = { config, transport, signingKeys, webhookSecret, token, port, host, environment };
      const server = await serve(options).catch((error: unknown) => {
        throw error instanceof CannotListen ? new BadInput(error.message) : error;
      });
      begun.defer(server.close);
      if (json) printJson({ event: 'serving', url: server.url });
      else print(`serving on ${server.url}, carried by ${transport.name}`);
      if (webhookSecret === undefined) {
        const warning = `no delivery of MLflow is taken: set ${SECRET}`;
        if (json) printJson({ event: 'warning', warning });
        else print(`${paint('yellow', 'warning')}  ${warning}`);
      }
      await stopped.promise;
    }),
  );
