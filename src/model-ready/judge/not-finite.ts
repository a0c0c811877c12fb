/** MLflow's SQL stores keep an infinite value as the largest or the smallest double. */
export function notFinite(value: number): string | undefined {
  if (Math.abs(value) === Number.MAX_VALUE) return value > 0 ? 'Infinity' : '-Infinity';
  return Number.isFinite(value) ? undefined : String(value);
}
