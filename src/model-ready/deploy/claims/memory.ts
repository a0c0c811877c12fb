import type { ClaimStore, Stored } from './store.ts';

/** Keeps claims for this process alone. */
export function createMemoryClaims(): ClaimStore {
  const kept = new Map<string, Stored>();
  let writes = 0;
  return {
    read: async (model) => kept.get(model),
    async write(model, text, revision) {
      if (kept.get(model)?.revision !== revision) return false;
      writes++;
      kept.set(model, { text, revision: String(writes) });
      return true;
    },
    close() {},
  };
}
