import type { DeadLetterQueue } from './transport.ts';

/** The same dead letters, for as long as `ensureOpen` does not throw. */
export function deadLettersWhileOpen(ensureOpen: () => void, letters: DeadLetterQueue): DeadLetterQueue {
  return {
    async scan(address, page) {
      ensureOpen();
      return letters.scan(address, page);
    },
    async replay(address, replayed) {
      ensureOpen();
      return letters.replay(address, replayed);
    },
    async purge(address, purged) {
      ensureOpen();
      return letters.purge(address, purged);
    },
    async release(address, released) {
      ensureOpen();
      return letters.release(address, released);
    },
  };
}
