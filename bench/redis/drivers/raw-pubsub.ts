import { Redis } from 'ioredis';
import type { Driver } from '../../driver.ts';
import { inLanes } from '../../lanes.ts';
import { bodyOf, dataIn, dataOf } from '../../message.ts';

const CHANNEL = 'raw:broadcast';

/** What anybody writes by hand: PUBLISH and SUBSCRIBE, with the settings that ioredis has by itself. */
export const driver: Driver = {
  async openProducer(url) {
    const redis = new Redis(url);
    await redis.ping();
    return {
      saturate: (from, count) =>
        inLanes(1_000, count, (n) => redis.publish(CHANNEL, bodyOf(dataOf(from + n)))),
      async send(messages) {
        await Promise.all(messages.map((data) => redis.publish(CHANNEL, bodyOf(data))));
      },
      close: () => redis.disconnect(),
    };
  },
  async openConsumer(url, onMessage) {
    const redis = new Redis(url);
    await redis.subscribe(CHANNEL);
    redis.on('message', (_channel, body) => onMessage(dataIn(body)));
    return { close: () => redis.disconnect() };
  },
  left: async () => 0,
};
