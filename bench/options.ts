import { parseArgs } from 'node:util';

export interface Options {
  /** Whether peers take part. */
  readonly peers: boolean;
  /** Who takes part, a comma between them. */
  readonly names: string | undefined;
  readonly json: boolean;
}

/** What the command line says: `--peers`, `--drivers a,b`, `--json`, and the numbers in `defaults`. */
export function options<Numbers extends Readonly<Record<string, number>>>(
  defaults: Numbers,
): Options & Readonly<Record<keyof Numbers, number>> {
  const { values } = parseArgs({
    options: {
      peers: { type: 'boolean', default: false },
      drivers: { type: 'string' },
      json: { type: 'boolean', default: false },
      ...Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }])),
    },
  });
  const numbers: Record<keyof Numbers, number> = { ...defaults };
  const given: Readonly<Record<string, unknown>> = values;
  for (const name in defaults) {
    if (given[name] !== undefined) numbers[name] = Number(given[name]);
  }
  return { ...numbers, peers: values.peers, names: values.drivers, json: values.json };
}
