import { mkdirSync, writeFileSync } from 'node:fs';
import { modelReadyToDeployJsonSchema } from '../src/model-ready/json-schema.ts';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(
  new URL('model_ready_to_deploy.v1.json', folder),
  `${JSON.stringify(modelReadyToDeployJsonSchema(), null, 2)}\n`,
);
