import { hikyakuDriver } from '../../hikyaku.ts';
import { settingsOf } from '../../settings.ts';

export const driver = hikyakuDriver(settingsOf(import.meta.url, { concurrency: 500, callers: 1_000 }));
