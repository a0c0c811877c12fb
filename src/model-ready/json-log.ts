import { observeModels } from './events.ts';

let logging = false;

/**
 * Writes every event about models to stdout, one JSON object a line, and counts them where `METRICS_PREFIX` names the
 * installation. Calling it again changes nothing.
 */
export function logModelEvents(): void {
  if (logging) return;
  logging = true;
  observeModels((event) => {
    const level = event.event === 'refused' || event.event === 'write_back_failed' ? 'warn' : 'info';
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, ...event })}\n`);
  });
  const prefix = process.env['METRICS_PREFIX'];
  // Not loaded with the function: it is there before the first verdict, which takes a request at least.
  if (prefix) void import('./model-metrics.ts').then(({ measureModels }) => measureModels(prefix));
}
