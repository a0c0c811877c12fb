/** Of calls that wait: each is told when its own signal fires, or when all have to stop. */
export interface Stops {
  /** To be ended with the wait. */
  begin(signal: AbortSignal | undefined): AbortController;
  end(stop: AbortController): void;
  stopAll(): void;
}

/** Listens to a signal once, not in each call: to begin and to end that takes as long as to hand over a message. */
export function createStops(): Stops {
  const stops = new Map<AbortController, AbortSignal | undefined>();
  const heeded = new WeakSet<AbortSignal>();

  function heed(signal: AbortSignal | undefined): void {
    if (signal === undefined || heeded.has(signal)) return;
    heeded.add(signal);
    signal.addEventListener('abort', () => {
      for (const [stop, whose] of stops) if (whose === signal) stop.abort();
    });
  }

  return {
    begin(signal) {
      const stop = new AbortController();
      stops.set(stop, signal);
      heed(signal);
      return stop;
    },
    end: (stop) => void stops.delete(stop),
    stopAll() {
      for (const stop of stops.keys()) stop.abort();
    },
  };
}
