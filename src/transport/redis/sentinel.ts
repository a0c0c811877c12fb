import { asTransportError, TransportError } from '../errors.ts';
import type { Line } from './connection.ts';
import { integer, list, pairs, text } from './replies.ts';
import type { Node, SentinelOptions } from './server-options.ts';

/** What one Sentinel believes. */
interface View {
  readonly master: Node;
  /** Rises with each failover. */
  readonly epoch: number;
}

/**
 * Asks all Sentinels at once for the master, and takes the newest answer of more than half of them: one that is cut off
 * from the others may go on naming a master that has been replaced.
 *
 * @param lines A connection to each; closed when the answer is there.
 */
export async function findMaster(lines: readonly Line[], master: string): Promise<Node> {
  const views: View[] = [];
  const problems: TransportError[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  for (const line of lines) {
    void ask(line, master)
      .then(
        (view) => views.push(view),
        (error: unknown) => problems.push(asTransportError(error)),
      )
      .then(() => {
        if (views.length > lines.length / 2 || views.length + problems.length === lines.length) resolve();
      });
  }
  await enough;
  for (const line of lines) line.close();
  const [first, ...others] = views;
  if (first !== undefined) {
    return others.reduce((newest, view) => (view.epoch > newest.epoch ? view : newest), first).master;
  }
  // One that says what is wrong says more than one that is away.
  const telling = problems.find(({ retryable }) => !retryable);
  if (telling !== undefined) throw telling;
  throw new TransportError(
    'Unavailable',
    `no Sentinel answers: ${problems.map(({ message }) => message).join('; ')}`,
    { cause: problems[0] },
  );
}

async function ask(sentinel: Line, master: string): Promise<View> {
  try {
    // Who leads a failover has its epoch at once, and goes on describing the old master until all replicas follow.
    const [address, described] = await sentinel.ask((client) =>
      Promise.all([
        client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master),
        client.call('SENTINEL', 'MASTER', master),
      ]),
    );
    const [host, port] = list(address);
    const epoch = integer(pairs(list(described)).get('config-epoch'));
    return { master: { host: text(host), port: integer(port) }, epoch };
  } catch (error) {
    const { code, message, cause } = asTransportError(error);
    if (/no such master/i.test(message)) {
      throw new TransportError(
        'Invalid',
        `${sentinel.place} knows no master ${JSON.stringify(master)}: correct master in TRANSPORT_URL`,
        { cause },
      );
    }
    if (code !== 'Denied') throw error;
    throw new TransportError(code, `${message}; the password of Sentinels is sentinelPassword there`, {
      cause,
    });
  }
}

/** What a master has said, or that it says nothing: whoever reads it must know where its address comes from. */
export function namedBySentinels(problem: TransportError, { master }: SentinelOptions): TransportError {
  const { code, message, cause } = problem;
  if (code !== 'Unavailable') return problem;
  return new TransportError(
    code,
    `${message}; Sentinels name it as the master ${master}, which they replace when it is down`,
    { cause },
  );
}
