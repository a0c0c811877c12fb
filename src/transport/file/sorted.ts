/** One of a {@link Sorted}; what is struck out is passed over. */
export interface Item {
  readonly name: string;
  readonly at: number;
  struck: boolean;
}

/**
 * Names in the order of a number, and of the names themselves where that is the same: a heap, so that they may come in
 * any order, and many at once.
 */
export interface Sorted {
  readonly size: number;
  has(name: string): boolean;
  /** In no order. Those that it tells of may be removed meanwhile. */
  names(): Iterable<string>;
  /** Does nothing when it is there. */
  add(name: string, at: number): void;
  remove(name: string): boolean;
  first(): Item | undefined;
  /** Takes the first one away. */
  shift(): Item | undefined;
}

export function createSorted(): Sorted {
  const known = new Map<string, Item>();
  /** Each comes before the two at twice its place, and one or two more. */
  const heap: Item[] = [];

  function rise(item: Item, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const other = heap[above];
      if (other === undefined || compare(other, item) <= 0) break;
      heap[place] = other;
      place = above;
    }
    heap[place] = item;
  }

  function sink(item: Item): void {
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const [below, next] = other !== undefined && compare(other, one) < 0 ? [left + 1, other] : [left, one];
      if (compare(item, next) <= 0) break;
      heap[place] = next;
      place = below;
    }
    heap[place] = item;
  }

  function pop(): void {
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) sink(last);
  }

  function first(): Item | undefined {
    while (heap[0]?.struck) pop();
    return heap[0];
  }

  return {
    get size() {
      return known.size;
    },
    has: (name) => known.has(name),
    names: () => known.keys(),
    add(name, at) {
      if (known.has(name)) return;
      const item = { name, at, struck: false };
      known.set(name, item);
      heap.push(item);
      rise(item, heap.length - 1);
    },
    remove(name) {
      const item = known.get(name);
      if (item === undefined) return false;
      item.struck = true;
      return known.delete(name);
    },
    first,
    shift() {
      const item = first();
      if (item === undefined) return undefined;
      pop();
      known.delete(item.name);
      return item;
    },
  };
}

function compare(one: Item, other: Item): number {
  if (one.at !== other.at) return one.at - other.at;
  if (one.name === other.name) return 0;
  return one.name < other.name ? -1 : 1;
}
