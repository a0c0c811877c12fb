import type { Driver } from '../../driver.ts';
import { hikyakuDriver } from '../../hikyaku.ts';
import { settingsOf } from '../../settings.ts';

const ours = hikyakuDriver(settingsOf(import.meta.url, { concurrency: 500, callers: 1_000 }));
const onLists = (url: string): string => url.replace(/^redis:/, 'redis+list:');

export const driver: Driver = {
  openProducer: (url) => ours.openProducer(onLists(url)),
  openConsumer: (url, onMessage) => ours.openConsumer(onLists(url), onMessage),
  left: (url) => ours.left(onLists(url)),
};
