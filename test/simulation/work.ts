import * as z from 'zod/mini';
import { defineMessage } from '../../src/message/contract.ts';

/** What the handler of a message does. */
export const BEHAVIOURS = [
  'at once',
  'works',
  'fails',
  'hangs',
  'asks for later',
  'postpones',
  'poison',
  'rejects',
  'kills',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** What is carried in a simulation: it says what its handler is to do. */
export const Work = defineMessage({
  name: 'work',
  version: 1,
  schema: z.object({
    does: z.enum(BEHAVIOURS),
    /** How long it takes, in ms. */
    workMs: z.number(),
    /** What does not go well goes well after so many attempts: fewer than there may be. */
    until: z.number(),
  }),
});

export const WORK = { topic: 'work', subscription: 'all' } as const;

export interface WorkData {
  readonly does: Behaviour;
  readonly workMs: number;
  readonly until: number;
}

/** By which what is handled is compared with what was published. */
export function sumOf({ does, workMs, until }: WorkData): string {
  return `${does} ${workMs} ${until}`;
}
