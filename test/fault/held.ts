/** At work, fetched ahead, and not settled yet, of one consumer: what it may have handled in vain, at most. */
export const HELD = 60;
