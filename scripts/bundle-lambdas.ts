import { relative } from 'node:path';
import config from '../hikyaku.config.ts';
import { bundleLambdas } from '../infra/bundles/bundle.ts';
import { BUNDLES, DRAIN, lambdaFunctions } from '../infra/bundles/functions.ts';
import { kibibytes } from '../infra/bundles/kibibytes.ts';

/** Bundles every Lambda function, as it is deployed, and says how large each is. */
for (const { name, folder, start, total } of await bundleLambdas(
  [...lambdaFunctions(config), DRAIN],
  BUNDLES,
)) {
  const sizes = `${kibibytes(start.bytes)} loaded at start, ${kibibytes(total.bytes)} in all`;
  console.log(`${relative('.', folder)}: ${name}, ${sizes}`);
}
