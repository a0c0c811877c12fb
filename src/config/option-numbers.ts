type Numbers = Readonly<Record<string, number>>;

/** @throws RangeError for one that is less than `least`, or NaN: what is compared with it would never begin, or never end. */
export function expectNumbers(least: number, options: Numbers): void {
  for (const [name, value] of Object.entries(options)) {
    if (!(value >= least)) throw new RangeError(`${name} is ${value}: expected a number from ${least}`);
  }
}

/** @throws RangeError for one that is no whole number from `least`. */
export function expectWhole(least: number, options: Numbers): void {
  for (const [name, value] of Object.entries(options)) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new RangeError(`${name} is ${value}: expected a whole number from ${least}`);
  }
}

/** The same, where Infinity says that there is no limit. */
export function expectLimit(least: number, options: Numbers): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== Number.POSITIVE_INFINITY) expectWhole(least, { [name]: value });
  }
}
