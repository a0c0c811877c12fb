/**
 * A function of Lambda that writes embedded metrics at the end of each invocation, where `METRICS_PREFIX` names the
 * installation they are of; elsewhere the function as it is, without the code that writes them.
 */
export function measured<Args extends unknown[], Result>(
  invoke: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  const prefix = process.env['METRICS_PREFIX'];
  if (!prefix) return invoke;
  const measuring = import('./embedded-metrics.ts').then((module) => module.flushedAfter(invoke, prefix));
  return async (...args) => (await measuring)(...args);
}
