/** What all SDK clients are given, as ours gives its own: an emulator, and no second check of what TCP has checked. */
export function clientOptions(url: string) {
  return {
    endpoint: `http://${new URL(url).host}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' },
    md5: false as const,
  };
}

/** How many receive at once, each a batch of ten. */
export const POLLERS = 8;
export const BATCH = 10;
/** Of a long poll, in seconds; short, because it only matters at the end. */
export const WAIT_SECONDS = 1;
