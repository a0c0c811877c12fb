import { drawKillerPlan, drawPlan } from './plan.ts';
import { simulate } from './simulate.ts';

/** One run again, with its history: `node test/simulation/replay.ts <seed> [killer]`. */
const [seed = '', killer] = process.argv.slice(2);
const plan = killer === undefined ? drawPlan(Number(seed)) : drawKillerPlan(Number(seed));
const { history, problems, hash } = await simulate(plan);
console.log(JSON.stringify(plan, null, 2));
for (const line of history) console.log(line);
console.log(hash);
for (const problem of problems) console.log(`WRONG: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
