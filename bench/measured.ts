import * as z from 'zod';
import { defineMessage } from '../src/index.ts';

export const schema = z.object({
  n: z.number(),
  at: z.number(),
  model_name: z.string(),
  model_version: z.string(),
  metric_name: z.string(),
  value: z.number(),
});

/** The contract of what is measured: ours checks every message against it, on both sides. */
export const Measured = defineMessage({ name: 'measured', version: 1, schema });
