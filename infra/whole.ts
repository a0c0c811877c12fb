import { InvalidConfig } from '../src/config/define-config.ts';

/** @throws InvalidConfig naming the path to a value of the config that is no whole number between the two. */
export function whole(path: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new InvalidConfig(`${path} is ${value}: expected a whole number from ${least} to ${most}`);
}
