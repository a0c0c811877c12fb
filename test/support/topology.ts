import type { Topology } from '../../src/transport/transport.ts';
import { ordered } from './ping.ts';

/** Two subscriptions of one topic: their queues are `p-orders-billing` and `p-orders-stock`. */
export const TOPOLOGY: Topology = {
  prefix: 'p',
  topics: [
    {
      name: 'orders',
      subscriptions: [
        { name: 'billing', leaseMs: 90_500, maxDeliveries: 25 },
        { name: 'stock', leaseMs: 30_000, maxDeliveries: 25 },
      ],
    },
  ],
};

/** The same, ordered: their queues are `p-orders-billing.fifo` and `p-orders-stock.fifo`. */
export const ORDERED: Topology = ordered(TOPOLOGY);

export const BILLING = { topic: 'orders', subscription: 'billing' } as const;
