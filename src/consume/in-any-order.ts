/**
 * In any order: were it always the same one that is first, and it ends the process, the others would come again with it
 * until the carrier gives them all up.
 */
export function inAnyOrder<One>(list: readonly One[]): One[] {
  return list
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
