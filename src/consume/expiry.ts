import { type Envelope, InvalidMessage } from '../message/envelope.ts';
import { readReplay } from '../message/replayed.ts';

/**
 * By so much the clocks of who published and who handles may differ, in ms: no message counts as expired sooner. Both
 * are wall clocks, and a message is compared with nothing else.
 */
const CLOCKS_MS = 1_000;

/** RFC 3339, with its zone: without one it would be another moment on each machine. */
const MOMENT = /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/i;

/**
 * The message, if it may still be handled. A replay gives it as much time again as it had at first.
 *
 * @param headers Those of the delivery.
 * @param replayedAt When it was replayed, in Unix ms, where that has been verified; null: where nothing is, so that the
 * headers tell.
 * @throws InvalidMessage `expired`; `malformed` when the envelope's `expirytime` is no time.
 */
export function timely<Data>(
  message: Envelope<Data>,
  headers: Readonly<Record<string, string>>,
  replayedAt: number | undefined | null,
): Envelope<Data> {
  const { expirytime: text = '' } = message;
  const endsAt = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(endsAt)) {
    throw new InvalidMessage('malformed', [
      { path: 'expirytime', message: 'expected a time as in RFC 3339' },
    ]);
  }
  const replayed = replayedAt === null ? readReplay(headers)?.at : replayedAt;
  // Of one that does not say when it was said nobody knows how much time it had: replayed, it does not expire.
  const more = replayed === undefined ? 0 : Math.max(0, replayed - Date.parse(message.time));
  if (!(Date.now() > endsAt + more + CLOCKS_MS)) return message;
  const until = new Date(endsAt + more).toISOString();
  throw new InvalidMessage('expired', [{ path: '', message: `it was to be handled until ${until}` }]);
}
