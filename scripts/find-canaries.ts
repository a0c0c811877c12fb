import { readFileSync } from 'node:fs';
import { canariesIn } from '../test/support/canary.ts';

/** Fails when a file, the output of the tests, has in it what tests use as secrets: exit 1 with what is around it. */
for (const file of process.argv.slice(2)) {
  for (const found of canariesIn(readFileSync(file, 'utf8'))) {
    console.error(`a secret of the tests was printed: …${found}…`);
    process.exitCode = 1;
  }
}
