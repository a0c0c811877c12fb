import { relative } from 'node:path';
import config from '../hikyaku.config.ts';
import { bundleLambdas } from '../infra/bundles/bundle.ts';
import { bundlesFor, lambdaFunctions } from '../infra/bundles/functions.ts';
import { kibibytes } from '../infra/bundles/kibibytes.ts';
import { TRANSPORTS } from '../infra/transport.ts';

/** Bundles every Lambda function, as it is deployed for each carrier, and says how large each is. */
for (const transport of TRANSPORTS) {
  const bundles = await bundleLambdas(lambdaFunctions(config, transport), bundlesFor(transport));
  for (const { name, folder, start, total } of bundles) {
    const sizes = `${kibibytes(start.bytes)} loaded at start, ${kibibytes(total.bytes)} in all`;
    console.log(`${relative('.', folder)}: ${name}, ${sizes}`);
  }
}
