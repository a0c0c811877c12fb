import { hikyakuDriver } from '../../hikyaku.ts';

export const driver = hikyakuDriver({ concurrency: 500, callers: 1_000 });
