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
 * @throws InvalidName when the name does not follow the grammar of topics.
 * @throws RangeError when the version is not a whole number from 1.
 */
export function defineMessage<Schema extends StandardSchemaV1>(definition: {
  name: string;
  version: number;
  schema: Schema;
  identify?: (data: StandardSchemaV1.InferOutput<Schema>) => string;
}): Contract<StandardSchemaV1.InferOutput<Schema>, StandardSchemaV1.InferInput<Schema>>;
export function defineMessage(definition: {
  name: string;
  version: number;
  schema: StandardSchemaV1;
  identify?: (data: unknown) => string;
}): Contract {
  const { name, version, schema, identify } = definition;
  topicName(name);
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new RangeError(`version of ${name} is ${version}: expected a whole number from 1`);
  }
  return {
    name,
    version,
    schema,
    ...(identify && { identify }),
    dataschema: `urn:hikyaku:${name}:${version}`,
  };
}
