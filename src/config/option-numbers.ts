type Numbers = Readonly<Record<string, number>>;

/** @throws RangeError for one that is less than `least`, or NaN: what is compared with it would never begin, or never end. */
export function expectNumbers(least: number, options: Numbers): void {
  for (const [name, value] of Object.entries(options)) {
    if (!(value >= least)) throw new RangeError(`${name} is ${value}: expected a number from ${least}`);
  }
}

/** @throws RangeError for one that is no whole number from `least`, nor without an end. */
export function expectWhole(least: number, options: Numbers): void {
  for (const [name, value] of Object.entries(options)) {
    if ((Number.isInteger(value) && value >= least) || value === Number.POSITIVE_INFINITY) continue;
    throw new RangeError(`${name} is ${value}: expected a whole number from ${least}`);
  }
}
