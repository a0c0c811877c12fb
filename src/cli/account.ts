import type { ModelEvent } from '../model-ready/events.ts';
import type { CourierEvent } from '../observe/events.ts';
import { paint, print, printable, printJson } from './output.ts';

/** Tells a person, or a program, what happens to models as it happens. */
export interface Account {
  model(event: ModelEvent): void;
  courier(event: CourierEvent): void;
  /** Something said besides; left out of JSON. */
  say(text?: string): void;
  /** Something failed that is nobody's message. */
  error(error: unknown): void;
  /** What the carrier does not promise. */
  warn(warning: string): void;
  /** How many models were deployed, rejected, dead-lettered so far. */
  readonly counts: Readonly<Counts>;
  stop(): void;
}

interface Counts {
  judged: number;
  announced: number;
  rejected: number;
  deployed: number;
  superseded: number;
  retried: number;
  dead: number;
}

type Style = Parameters<typeof paint>[0];

const DRAW_EVERY_MS = 120;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Lines for a person: in a terminal with colour and a progress line; plain when piped. Or JSON lines. */
export function createAccount({ json }: { readonly json: boolean }): Account {
  const counts: Counts = {
    judged: 0,
    announced: 0,
    rejected: 0,
    deployed: 0,
    superseded: 0,
    retried: 0,
    dead: 0,
  };
  const names = new Map<string, string>();
  const live = !json && process.stdout.isTTY;
  let frame = 0;
  const drawing = live ? setInterval(drawProgress, DRAW_EVERY_MS) : undefined;

  function drawProgress(): void {
    frame = (frame + 1) % FRAMES.length;
    const parts = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
    process.stdout.write(
      `\r\u001B[2K${paint('cyan', FRAMES[frame] ?? '')} ${paint('dim', parts.join('  '))}`,
    );
  }

  function say(text = ''): void {
    if (json) return;
    if (live) process.stdout.write('\r\u001B[2K');
    print(text);
  }

  function line(style: Style, verb: string, name: string, detail: string): void {
    say(`  ${paint(style, verb.padEnd(10))} ${name.padEnd(24)} ${detail}`.trimEnd());
  }

  function nameOf(id: string): string {
    return names.get(id) ?? printable(id);
  }

  return {
    counts,
    say,
    error(thrown) {
      const error = String(thrown);
      if (json) printJson({ event: 'error', error });
      else line('red', 'error', printable(error), '');
    },
    warn(warning) {
      if (json) printJson({ event: 'warning', warning });
      else line('yellow', 'careful', printable(warning), '');
    },
    stop() {
      clearInterval(drawing);
      if (live) process.stdout.write('\r\u001B[2K');
    },

    model(event) {
      if (json) printJson(event);
      const name =
        event.model_name === null
          ? 'a run'
          : `${printable(event.model_name)} v${printable(event.model_version ?? '?')}`;
      switch (event.event) {
        case 'requested':
          names.set(event.id, name);
          line('cyan', 'requested', name, '');
          break;
        case 'refused':
          line('yellow', 'refused', `HTTP ${event.status}`, printable(event.reason));
          break;
        case 'judged':
          counts.judged++;
          break;
        case 'announced':
          counts.announced++;
          names.set(event.id, name);
          line(
            'cyan',
            'announced',
            name,
            `${printable(event.metric_name)} ${short(event.current_value)}, ${short(event.improvement_percentage)} % better than ${short(event.baseline_value)}`,
          );
          break;
        case 'rejected':
          counts.rejected++;
          line('dim', 'rejected', name, printable(event.reason));
          break;
        case 'announce_failed':
          line('red', 'unsent', name, printable(event.error));
          break;
        case 'deployed':
          counts.deployed++;
          line('green', 'deployed', name, '');
          break;
        case 'forced':
          line('magenta', 'forced', name, `by ${printable(event.by)}: ${printable(event.reason)}`);
          break;
        case 'superseded':
          counts.superseded++;
          line('yellow', 'superseded', name, printable(event.reason));
          break;
      }
    },

    courier(event) {
      if (json) printJson(event);
      switch (event.event) {
        case 'retried':
          counts.retried++;
          line(
            'yellow',
            'retried',
            nameOf(event.id),
            `attempt ${event.attempt} failed: ${printable(event.error)}; again in ${short(event.delayMs / 1_000)} s`,
          );
          break;
        case 'postponed':
          line(
            'yellow',
            'postponed',
            nameOf(event.id),
            `${printable(event.error)}; again in ${short(event.delayMs / 1_000)} s`,
          );
          break;
        case 'dead_lettered':
          counts.dead++;
          line('red', 'dead', nameOf(event.id), `${event.code}: ${printable(event.error)}`);
          break;
        case 'replayed':
          line('magenta', 'replayed', nameOf(event.id), 'back from the dead-letter queue');
          break;
        case 'lease_lost':
          line('yellow', 'lost lease', nameOf(event.id), 'somebody else may handle it as well');
          break;
        case 'settle_failed':
          line('red', 'unsettled', nameOf(event.id), `${event.action}: ${event.code}; it comes again`);
          break;
        case 'carrier_unavailable':
          line('red', 'away', event.transport, printable(event.error));
          break;
        case 'carrier_back':
          line('green', 'back', event.transport, '');
          break;
        case 'publish_failed':
          line('red', 'unsent', nameOf(event.id), event.code);
          break;
      }
    },
  };
}

/** A number as a person reads it: four significant digits. */
function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
