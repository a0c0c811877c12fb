import { Hono } from 'hono';

export interface Probes {
  /** Whether requests can be taken now. */
  readonly isReady: () => boolean;
}

/** For whatever runs the process: it is alive, and whether it is ready. Details are nobody's but an operator's. */
export function probes({ isReady }: Probes): Hono {
  const app = new Hono();
  app.get('/healthz', (context) => context.json({ status: 'alive' }));
  app.get('/readyz', (context) =>
    isReady() ? context.json({ status: 'ready' }) : context.json({ status: 'unready' }, 503),
  );
  return app;
}
