const now = Date.now;

/** Sets this process's wall clock off by so much, in ms, as a step of the system's clock does. */
export function shiftClock(ms: number): void {
  Date.now = () => now() + ms;
}
