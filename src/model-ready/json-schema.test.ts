import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { modelReadyToDeployJsonSchema } from './json-schema.ts';

const FILE = new URL('../../schemas/model_ready_to_deploy.v1.json', import.meta.url);

test('the file in schemas/ is fresh (else: node scripts/write-schemas.ts)', () => {
  expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(modelReadyToDeployJsonSchema());
});

test('every field is described, and fields to come do not break those who check', () => {
  const { properties = {}, ...schema } = modelReadyToDeployJsonSchema();
  expect(schema).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:hikyaku:model_ready_to_deploy:1',
  });
  expect(schema).not.toHaveProperty('additionalProperties');
  for (const property of Object.values(new Object(properties))) {
    expect(property).toMatchObject({ description: expect.stringMatching(/\.$/) });
  }
});
