/** What every driver carries: about 350 bytes with its envelope. */
export interface Data {
  readonly n: number;
  /** When it was sent, in ms of {@link now}; 0 where nobody asks. */
  readonly at: number;
  readonly model_name: string;
  readonly model_version: string;
  readonly metric_name: string;
  readonly value: number;
}

export function dataOf(n: number, at = 0): Data {
  return {
    n,
    at,
    model_name: 'breast-cancer-diagnosis-v2',
    model_version: '2',
    metric_name: 'log_loss',
    value: 0.06778610257316227,
  };
}

/** The message in an envelope like ours, for those who make none of their own. */
export interface Event {
  readonly specversion: string;
  readonly id: string;
  readonly source: string;
  readonly type: 'measured';
  readonly time: string;
  readonly datacontenttype: string;
  readonly dataschema: string;
  readonly data: Data;
}

export function eventOf(data: Data): Event {
  return {
    specversion: '1.0',
    id: `00000000-0000-7000-8000-${String(data.n).padStart(12, '0')}`,
    source: 'bench',
    type: 'measured',
    time: '2026-11-21T00:00:00.000Z',
    datacontenttype: 'application/json',
    dataschema: 'urn:hikyaku:measured:1',
    data,
  };
}

export function bodyOf(data: Data): string {
  return JSON.stringify(eventOf(data));
}

export function dataIn(body: string): Data {
  const event: Event = JSON.parse(body);
  return event.data;
}

/** Data of the messages `from` up to `from + count`. */
export function range(from: number, count: number): Data[] {
  return Array.from({ length: count }, (_, index) => dataOf(from + index));
}

/** In ms, on the one monotonic clock that all processes of a machine share. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
