/** How many copies of every conformance case run at once: `HIKYAKU_COPIES`, else 3 in CI and 1 elsewhere. */
export const COPIES = Math.max(
  1,
  Math.trunc(Number(process.env['HIKYAKU_COPIES'] ?? (process.env['CI'] ? 3 : 1))) || 1,
);
