import { mkdirSync, writeFileSync } from 'node:fs';
import { modelPolicyJsonSchema } from '../src/config/policy-json-schema.ts';
import { modelReadyToDeployJsonSchema } from '../src/model-ready/json-schema.ts';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [file, schema] of [
  ['model_ready_to_deploy.v1.json', modelReadyToDeployJsonSchema()],
  ['model_policies.json', modelPolicyJsonSchema()],
] as const) {
  writeFileSync(new URL(file, folder), `${JSON.stringify(schema, null, 2)}\n`);
}
