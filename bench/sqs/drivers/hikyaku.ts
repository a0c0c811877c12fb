import { hikyakuDriver } from '../../hikyaku.ts';
import { settingsOf } from '../../settings.ts';
import { BATCH, POLLERS } from '../client-options.ts';

export const driver = hikyakuDriver(
  settingsOf(import.meta.url, { concurrency: POLLERS * BATCH, callers: 500 }),
);
