import * as z from 'zod/mini';
import { modelPolicySchema } from './policy.ts';

/** The `policies` of a config as JSON Schema (draft 2020-12): for editors, and for those who keep them as JSON. */
export function modelPolicyJsonSchema(): Record<string, unknown> {
  const { $schema, ...policy } = z.toJSONSchema(modelPolicySchema, { io: 'input' });
  return {
    $schema,
    title: 'policies',
    description:
      "What models have to show before they are announced, by a model's name or a pattern of names in which * is any text.",
    type: 'object',
    additionalProperties: policy,
  };
}
