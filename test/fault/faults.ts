import type { Fault } from './fault.ts';
import { consumerKilled } from './faults/consumer-killed.ts';

/** All kinds of faults, in the order of the table. */
export const FAULTS: readonly Fault[] = [consumerKilled];
