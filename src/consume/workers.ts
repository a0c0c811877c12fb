import type { FoundSubscription } from '../config/define-config.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Transport } from '../transport/transport.ts';
import { startWorker, type Worker, type WorkerHealth } from './worker.ts';

export interface WorkersOptions {
  readonly transport: Transport;
  /** Each with its contract, handler and policies; see `findSubscription`. */
  readonly subscriptions: readonly FoundSubscription[];
  /** How many messages of each subscription are handled at once. Default 10. */
  readonly concurrency?: number;
  /** See {@link startWorker}. */
  readonly prefetch?: number;
  /** See {@link startWorker}; how old messages may be, each subscription says itself. */
  readonly signingKeys?: Secrets | undefined;
}

/** Workers of several subscriptions, which live and end together. */
export interface Workers {
  /** Closes all at once; see `Worker.close`. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
  /** Resolves when all have been closed. Rejects when one cannot begin, once the others have been closed. */
  readonly ended: Promise<void>;
  health(): WorkerHealth[];
}

/**
 * Consumes several subscriptions in one process. Loads all handlers first: rejects with what a module throws,
 * before anything is received; and with RangeError as {@link startWorker} throws it. Leases are 30 s.
 *
 * @example
 * const subscriptions = ['order_placed/mail', 'order_placed/stock'].map((name) => findSubscription(config, name));
 * const workers = await startWorkers({ transport, subscriptions });
 * process.once('SIGTERM', () => workers.close());
 */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const { transport, subscriptions, concurrency, prefetch, signingKeys } = options;
  const loaded = await Promise.all(
    subscriptions.map(async (found) => ({ found, module: await found.subscription.loadHandler() })),
  );
  const workers: Worker[] = loaded.map(({ found: { topic, subscription, address }, module }) =>
    startWorker({
      transport,
      address,
      contract: topic.contract,
      handler: module.default,
      retry: subscription.retry,
      handlerTimeoutMs: subscription.handlerTimeoutMs,
      maxAgeMs: subscription.maxAgeMs,
      signingKeys,
      ...(concurrency !== undefined && { concurrency }),
      ...(prefetch !== undefined && { prefetch }),
    }),
  );

  async function close(closing?: { readonly deadlineMs?: number }): Promise<void> {
    await Promise.all(workers.map((worker) => worker.close(closing)));
  }

  const ended = Promise.all(workers.map((worker) => worker.ended)).then(
    () => undefined,
    async (error: unknown) => {
      await close();
      throw error;
    },
  );
  // Whoever does not look at `ended` has been told by the event.
  ended.catch(() => undefined);
  return { close, ended, health: () => workers.map((worker) => worker.health()) };
}
