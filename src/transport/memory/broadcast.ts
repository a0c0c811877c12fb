import type { TransportError } from '../errors.ts';
import type { Broadcast, Notice, Told } from '../transport.ts';

/** Tells who listens in this process. */
export interface MemoryBroadcast extends Broadcast {
  /** Nobody listens any more. */
  close(): void;
}

/** @param refusal Why a notice cannot be taken; undefined when it can. May throw. */
export function createMemoryBroadcast(
  ensureOpen: () => void,
  refusal: (notice: Notice) => TransportError | undefined,
): MemoryBroadcast {
  const listening = new Map<string, Set<{ readonly told: Told }>>();
  return {
    async notify(topic, notices) {
      ensureOpen();
      const errors = notices.map(refusal);
      const accepted = notices.filter((_, index) => errors[index] === undefined);
      const all = listening.get(topic);
      const now = [...(all ?? [])];
      // As on any other carrier, nobody is told while the notifier speaks.
      setImmediate(() => {
        for (const notice of accepted) {
          for (const one of now) if (all?.has(one)) one.told.onNotice(notice);
        }
      });
      return errors.map((error) => (error === undefined ? 'accepted' : { error }));
    },

    async listen(topic, told) {
      ensureOpen();
      const all = listening.get(topic) ?? new Set();
      listening.set(topic, all);
      // One object may listen twice.
      const own = { told };
      all.add(own);
      return {
        async close() {
          all.delete(own);
          if (all.size === 0 && listening.get(topic) === all) listening.delete(topic);
        },
      };
    },

    close() {
      for (const all of listening.values()) all.clear();
    },
  };
}
