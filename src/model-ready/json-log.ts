import { observeModels } from './events.ts';

let logging = false;

/** Writes every event about models to stdout, one JSON object a line. Calling it again changes nothing. */
export function logModelEvents(): void {
  if (logging) return;
  logging = true;
  observeModels((event) => {
    const level = event.event === 'refused' ? 'warn' : 'info';
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, ...event })}\n`);
  });
}
