/** Notices, while it watches, that this process stood still: suspended, or with its event loop blocked. */
export interface StandstillWatch {
  /**
   * Since when what has just arrived may have been waiting, on the monotonic clock: now, or before the process stood
   * still, if that was a moment ago.
   */
  arrivedAfter(): number;
  end(): void;
}

const TICK_MS = 250;
/** What waited meanwhile is read within this time. In ms. */
const CATCH_UP_MS = 1_000;

export function watchForStandstill(): StandstillWatch {
  let aliveAt = performance.now();
  let stood: { readonly from: number; readonly until: number } | undefined;

  function look(): void {
    const now = performance.now();
    if (now - aliveAt > 2 * TICK_MS) {
      // Again before all has been read: what lay there then may still do.
      const from = stood !== undefined && aliveAt - stood.until < CATCH_UP_MS ? stood.from : aliveAt;
      stood = { from, until: now };
    }
    aliveAt = now;
  }

  const ticking = setInterval(look, TICK_MS);
  return {
    arrivedAfter() {
      look();
      return stood !== undefined && aliveAt - stood.until < CATCH_UP_MS ? stood.from : aliveAt;
    },
    end: () => clearInterval(ticking),
  };
}
