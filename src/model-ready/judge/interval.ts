import type { Measured } from './evidence.ts';

/** A 95 % confidence interval of a gain, in the metric's unit, and the method it comes from. */
export interface GainInterval {
  readonly low: number;
  readonly high: number;
  readonly method: 'newcombe' | 'normal';
}

/** The 97.5 % quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * The 95 % confidence interval of `candidate - baseline`; undefined where too little is known of either.
 *
 * Two proportions with their numbers of examples: Newcombe's hybrid score interval (method 10 in R. G. Newcombe,
 * "Interval estimation for the difference between independent proportions", Statistics in Medicine 17, 1998), made of
 * Wilson's intervals. Values with standard errors: the difference plus and minus 1.96 standard errors of it. Both take
 * the two evaluations for independent; on the same examples the true interval is usually narrower.
 *
 * @param isProportion Whether the metric is a share of the examples.
 * @param exactBaseline The baseline is a number somebody wrote down: it has no sampling error.
 */
export function gainInterval(
  candidate: Measured,
  baseline: Measured,
  { isProportion, exactBaseline }: { isProportion: boolean; exactBaseline: boolean },
): GainInterval | undefined {
  const p = candidate.value;
  const q = baseline.value;
  if (p === undefined || q === undefined) return undefined;
  const errorP = candidate.standardError;
  const errorQ = baseline.standardError ?? (exactBaseline ? 0 : undefined);
  if (errorP !== undefined && errorQ !== undefined) {
    const spread = Z * Math.hypot(errorP, errorQ);
    return { low: p - q - spread, high: p - q + spread, method: 'normal' };
  }
  const [lowP, highP] = (isProportion && wilson(p, candidate.examples)) || [];
  const exact = exactBaseline ? ([q, q] as const) : undefined;
  const [lowQ, highQ] = (isProportion && wilson(q, baseline.examples)) || exact || [];
  if (lowP === undefined || highP === undefined || lowQ === undefined || highQ === undefined)
    return undefined;
  return {
    low: p - q - Math.hypot(p - lowP, highQ - q),
    high: p - q + Math.hypot(highP - p, q - lowQ),
    method: 'newcombe',
  };
}

/** Wilson's score interval of a share of so many examples. */
function wilson(share: number, examples: number | undefined): readonly [number, number] | undefined {
  if (examples === undefined || !(share >= 0 && share <= 1)) return undefined;
  const center = share + Z ** 2 / (2 * examples);
  const spread = Z * Math.sqrt((share * (1 - share)) / examples + Z ** 2 / (4 * examples ** 2));
  const scale = 1 + Z ** 2 / examples;
  return [Math.max(0, (center - spread) / scale), Math.min(1, (center + spread) / scale)];
}
