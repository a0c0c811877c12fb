import type { RejectionCode } from './rejection.ts';

/** How one check of a rule turned out: failed with a code, else passed. The detail is one clause for a person. */
export interface Outcome {
  readonly code?: RejectionCode | undefined;
  readonly detail: string;
}

export const passed = (detail: string): Outcome => ({ detail });
export const failed = (code: RejectionCode, detail: string): Outcome => ({ code, detail });
