import { InvalidArgumentError } from 'commander';

/** Reads a whole number within bounds; the answer to anything else says what was expected. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
  };
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

/** Reads a moment as Unix time in ms. Without a zone it would be another one on each machine. */
export function moment(text: string): number {
  const value = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  throw new InvalidArgumentError('expected a time with its zone, such as 2026-11-20T10:00:00Z.');
}
