import type { StandardSchemaV1 } from '@standard-schema/spec';
import { topicName } from './names.ts';

/** The type of a message: its name, its version and the schema of its data. */
export interface Contract<Data = unknown, Input = unknown> {
  /** The message's name, which is also its topic. */
  readonly name: string;
  /** A whole number from 1; a change that old readers cannot read is a new version. */
  readonly version: number;
  /** Checks the data, on both sides: any Standard Schema (zod, valibot, arktype, …). */
  readonly schema: StandardSchemaV1<Input, Data>;
  /** Contract and version on the wire, in CloudEvents' `dataschema`: `urn:hikyaku:<name>:<version>`. */
  readonly dataschema: string;
  /** How long a message may be handled, in ms from when it is published, where its publisher does not say. */
  readonly ttlMs?: number | undefined;
  /** What becomes of one whose time is over: see {@link defineMessage}. */
  readonly onExpiry?: 'deadLetter' | 'drop' | undefined;
  /** Derives the message's id from its data, where the same thing said twice must be one; else ids are new. */
  identify?(data: Data): string;
}

/**
 * Defines a message.
 *
 * @example
 * const OrderPlaced = defineMessage({
 *   name: 'order_placed', version: 1, schema: z.object({ order: z.string(), cents: z.int() }),
 * });
 *
 * A message may expire: after `ttlMs`, in ms, its handling does not begin any more. It is dead-lettered as `expired`, or,
 * with `onExpiry: 'drop'`, gone, which is told by the event `expired`.
 *
 * @throws InvalidName when the name does not follow the grammar of topics.
 * @throws RangeError when version or `ttlMs` is not a whole number from 1.
 */
export function defineMessage<Schema extends StandardSchemaV1>(definition: {
  name: string;
  version: number;
  schema: Schema;
  ttlMs?: number;
  onExpiry?: 'deadLetter' | 'drop';
  identify?: (data: StandardSchemaV1.InferOutput<Schema>) => string;
}): Contract<StandardSchemaV1.InferOutput<Schema>, StandardSchemaV1.InferInput<Schema>>;
export function defineMessage(definition: {
  name: string;
  version: number;
  schema: StandardSchemaV1;
  ttlMs?: number;
  onExpiry?: 'deadLetter' | 'drop';
  identify?: (data: unknown) => string;
}): Contract {
  const { name, version, schema, ttlMs, onExpiry, identify } = definition;
  topicName(name);
  for (const [what, count] of Object.entries({ version, ttlMs })) {
    if (count === undefined || (Number.isSafeInteger(count) && count > 0)) continue;
    throw new RangeError(`${what} of ${name} is ${count}: expected a whole number from 1`);
  }
  return {
    name,
    version,
    schema,
    ttlMs,
    onExpiry,
    ...(identify && { identify }),
    dataschema: `urn:hikyaku:${name}:${version}`,
  };
}
