/** Runs `send` for the numbers 0 up to `count`, `lanes` at a time: each lane awaits its own before the next. */
export async function inLanes(
  lanes: number,
  count: number,
  send: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await send(next++);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
}

/** The same for batches: `send` is given where a batch begins and how many are in it. */
export function inBatches(
  { lanes, size }: { readonly lanes: number; readonly size: number },
  from: number,
  count: number,
  send: (from: number, count: number) => Promise<unknown>,
): Promise<void> {
  return inLanes(lanes, Math.ceil(count / size), (batch) =>
    send(from + batch * size, Math.min(size, count - batch * size)),
  );
}
