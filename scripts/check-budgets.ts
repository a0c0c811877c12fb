import Table from 'cli-table3';
import config from '../hikyaku.config.ts';
import { budgetOf, overBudget } from '../infra/bundles/budgets.ts';
import { bundleLambdas } from '../infra/bundles/bundle.ts';
import { bundlesFor, lambdaFunctions } from '../infra/bundles/functions.ts';
import { kibibytes } from '../infra/bundles/kibibytes.ts';
import { TRANSPORTS } from '../infra/transport.ts';

/** Bundles the Lambda functions and holds them to their budgets: exit 1 with a sentence for each one over. */
const table = new Table({
  head: ['function', 'at start', 'budget', 'in all', 'budget'],
  colAligns: ['left', 'right', 'right', 'right', 'right'],
  style: { head: [], border: [] },
});
const sentences: string[] = [];
for (const transport of TRANSPORTS) {
  for (const bundle of await bundleLambdas(lambdaFunctions(config, transport), bundlesFor(transport))) {
    const { name, start, total } = bundle;
    const budget = budgetOf(name, transport);
    table.push([
      `${transport}: ${name}`,
      kibibytes(start.bytes),
      limit(budget.startBytes),
      kibibytes(total.bytes),
      limit(budget.totalBytes),
    ]);
    sentences.push(...overBudget(bundle, budget));
  }
}
console.log(table.toString());
for (const sentence of sentences) {
  console.error(sentence);
  process.exitCode = 1;
}

function limit(bytes: number | undefined): string {
  return bytes === undefined ? '' : kibibytes(bytes);
}
