const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/;

/**
 * Moments as Python's `isoformat` writes them without a zone: `2025-11-17T10:00:00.250000`, and no fraction for a whole
 * second. Whether that is UTC or the local time of the machine, each program knows for itself.
 */
type Zone = 'utc' | 'local';

/** @param ms Unix time. */
export function pythonTime(ms: number, zone: Zone): string {
  const shifted = zone === 'utc' ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
  const [seconds = '', fraction = ''] = new Date(shifted).toISOString().slice(0, -1).split('.');
  return fraction === '000' ? seconds : `${seconds}.${fraction}000`;
}

/** The same of an envelope's time, to the microsecond; of one that is none, of `now`. */
export function pythonTimeOf(rfc3339: string | undefined, zone: Zone, now: number): string {
  const ms = Date.parse(rfc3339 ?? '');
  if (Number.isNaN(ms)) return pythonTime(now, zone);
  const micros = (ISO.exec(rfc3339 ?? '')?.[3] ?? '').slice(0, 6).padEnd(6, '0');
  const whole = pythonTime(ms - (ms % 1_000), zone);
  return micros === '000000' ? whole : `${whole}.${micros}`;
}

/** An envelope's time: RFC 3339 in UTC, all digits kept. Undefined for what is no time. A zone that is named counts. */
export function envelopeTime(text: string | undefined, zone: Zone): string | undefined {
  const [, day, time, fraction, named] = ISO.exec(text ?? '') ?? [];
  if (day === undefined) return undefined;
  // Without a zone, a day and a time are local.
  const ms = Date.parse(`${day}T${time}${named ?? (zone === 'utc' ? 'Z' : '')}`);
  if (Number.isNaN(ms)) return undefined;
  return new Date(ms).toISOString().replace('.000Z', fraction === undefined ? 'Z' : `.${fraction}Z`);
}
