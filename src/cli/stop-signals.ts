/** A second signal this long after the first is from somebody who will not wait, in ms. */
const PATIENCE_MS = 1_000;

/**
 * Calls `stop` at the first Ctrl-C or SIGTERM. One Ctrl-C may arrive twice, from the terminal and from npm, so a
 * second one counts only later: then the process ends at once. Returns what stops listening.
 */
export function onStopSignals(stop: () => void): () => void {
  let first: number | undefined;
  const onSignal = (): void => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      stop();
    } else if (now - first > PATIENCE_MS) process.exit(130);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
}

/** Ctrl-C and SIGTERM end it early instead of killing it: what it holds is given back, and the count is told. */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const unlisten = onStopSignals(() => stop.abort());
  try {
    return await work(stop.signal);
  } finally {
    unlisten();
  }
}
