/** One way to carry messages over Redis, measured from both ends in processes of their own. */
export interface Driver {
  /** Sends `count` messages, as durably and as fast as it can. */
  produce(url: string, count: number): Promise<void>;
  /**
   * Handles messages until `count` have been; calls `onHandled` for each. Resolves with what gives up its
   * connections, which is not measured: how a library closes is its own affair.
   */
  consume(url: string, count: number, onHandled: (data: Data) => void): Promise<() => Promise<void> | void>;
}

/** About 350 bytes as an envelope. */
export interface Data {
  readonly n: number;
  readonly model_name: string;
  readonly model_version: string;
  readonly metric_name: string;
  readonly value: number;
}

export function dataOf(n: number): Data {
  return {
    n,
    model_name: 'iris-species',
    model_version: '2',
    metric_name: 'log_loss',
    value: 0.06778610257316227,
  };
}

/** The same message as text: what those carry that know no contracts. */
export function bodyOf(n: number): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    source: 'bench',
    type: 'measured',
    time: '2026-11-21T00:00:00.000Z',
    datacontenttype: 'application/json',
    dataschema: 'urn:hikyaku:measured:1',
    data: dataOf(n),
  });
}

export const BATCH = 500;
