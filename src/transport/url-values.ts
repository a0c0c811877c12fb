import { InvalidTransportUrl, quoted } from './schemes.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An option that is a duration, in ms. Throws {@link InvalidTransportUrl}. */
export function duration(name: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (text === '0') return 0;
  if (count !== undefined) return Number(count) * (UNITS[unit] ?? 1);
  throw new InvalidTransportUrl(`${name} is ${quoted(text)}: expected a duration like 30m, 24h or 7d`);
}

/** An option that is a number from 0. Throws {@link InvalidTransportUrl}. */
export function wholeNumber(name: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidTransportUrl(`${name} is ${quoted(text)}: expected a whole number`);
}

/** An option that is on or off. Throws {@link InvalidTransportUrl}. */
export function yesOrNo(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidTransportUrl(`${name} is ${quoted(text)}: expected true or false`);
}
