/** Beside a message that was brought back: when that was, RFC 3339, and behind a blank the signature of whoever did. */
export const REPLAYED = 'hikyaku-replayed';

/** A replay as the message's headers tell of it. */
export interface Replay {
  /** Unix time in ms. */
  readonly at: number;
  /** The same as it stands there. */
  readonly text: string;
  /** Undefined where it is not signed. */
  readonly signature: string | undefined;
}

/** The last replay; undefined where there is none that can be read. */
export function readReplay(headers: Readonly<Record<string, string>>): Replay | undefined {
  const [text = '', signature] = headers[REPLAYED]?.split(' ') ?? [];
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : { at, text, signature };
}
