/** One of a {@link Sorted}; what is struck out is passed over. */
export interface Item {
  readonly name: string;
  readonly at: number;
  struck: boolean;
}

/**
 * Names in the order of a number, and of the names themselves where that is the same. Nearly all come in that order:
 * adding one then takes no time that grows with how many there are.
 */
export interface Sorted {
  readonly size: number;
  has(name: string): boolean;
  /** Does nothing when it is there. */
  add(name: string, at: number): void;
  addAll(items: readonly { readonly name: string; readonly at: number }[]): void;
  remove(name: string): boolean;
  first(): Item | undefined;
  /** Takes the first one away. */
  shift(): Item | undefined;
}

export function createSorted(): Sorted {
  const known = new Map<string, Item>();
  let items: Item[] = [];
  let head = 0;

  function skipStruck(): Item | undefined {
    for (;;) {
      const item = items[head];
      if (item === undefined || !item.struck) return item;
      head++;
    }
  }

  function compact(): void {
    if (head <= 1_024 || head * 2 <= items.length) return;
    items = items.slice(head);
    head = 0;
  }

  function insert(item: Item): void {
    const last = items.at(-1);
    if (last === undefined || head >= items.length || compare(last, item) < 0) {
      items.push(item);
      return;
    }
    let low = head;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = items[middle];
      if (other !== undefined && compare(other, item) < 0) low = middle + 1;
      else high = middle;
    }
    items.splice(low, 0, item);
  }

  return {
    get size() {
      return known.size;
    },
    has: (name) => known.has(name),
    add(name, at) {
      if (known.has(name)) return;
      const item = { name, at, struck: false };
      known.set(name, item);
      insert(item);
    },
    addAll(more) {
      const left = items.slice(head).filter(({ struck }) => !struck);
      for (const { name, at } of more) {
        if (known.has(name)) continue;
        const item = { name, at, struck: false };
        known.set(name, item);
        left.push(item);
      }
      items = left.sort(compare);
      head = 0;
    },
    remove(name) {
      const item = known.get(name);
      if (item === undefined) return false;
      item.struck = true;
      return known.delete(name);
    },
    first: skipStruck,
    shift() {
      const item = skipStruck();
      if (item === undefined) return undefined;
      head++;
      known.delete(item.name);
      compact();
      return item;
    },
  };
}

function compare(one: Item, other: Item): number {
  if (one.at !== other.at) return one.at - other.at;
  if (one.name === other.name) return 0;
  return one.name < other.name ? -1 : 1;
}
