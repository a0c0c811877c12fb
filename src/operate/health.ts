import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { BreakerState } from '../publish/with-breaker.ts';
import type { Address } from '../transport/transport.ts';

/** What has to be known of a consumer to say whether it is ready. */
export interface ConsumerHealth {
  readonly address: Address;
  readonly draining: boolean;
  readonly reached: boolean;
  readonly atWork: number;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface HealthServerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Default: all addresses, as a container's probes need. */
  readonly host?: string;
  readonly health: () => readonly ConsumerHealth[];
  /** Of what publishes here: `BreakingTransport.breakers`. */
  readonly breakers?: () => readonly BreakerState[];
}

/**
 * Answers the probes of whatever runs the process. `/healthz`: 200 as long as the event loop turns; who does not
 * answer should be restarted. `/readyz`: 200 when every consumer reaches its carrier, no breaker is open and
 * none is draining, else 503. Both say more in JSON. Rejects when the port cannot be had.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { port, host, health, breakers } = options;
  const app = new Hono();
  app.get('/healthz', (context) =>
    context.json({ status: 'alive', uptimeSeconds: Math.round(process.uptime()) }),
  );
  app.get('/readyz', (context) => {
    const consumers = health().map(({ address, ...rest }) => ({ ...address, ...rest }));
    const broken = breakers?.();
    const reached =
      consumers.every((consumer) => consumer.reached) && !broken?.some(({ state }) => state !== 'closed');
    const status = consumers.some(({ draining }) => draining) ? 'draining' : reached ? 'ready' : 'unreached';
    return context.json(
      { status, consumers, ...(broken && { breakers: broken }) },
      status === 'ready' ? 200 : 503,
    );
  });
  const server = createServer(getRequestListener(app.fetch));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
