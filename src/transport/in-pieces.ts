/** Cuts a list into pieces of at most `size`, in order: no call may take more than the carrier's limits say. */
export function inPieces<T>(items: readonly T[], size: number): (readonly T[])[] {
  const pieces: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += size) pieces.push(items.slice(start, start + size));
  return pieces;
}
