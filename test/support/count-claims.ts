import { createFileClaims } from '../../src/model-ready/deploy/claims/files.ts';

/** Adds one to a number in a store of claims until it is killed, and writes a dot for each that was taken. */
const [, , root = '', model = ''] = process.argv;
const store = createFileClaims(root);
for (;;) {
  const before = await store.read(model);
  if (await store.write(model, String(Number(before?.text ?? 0) + 1), before?.revision)) {
    process.stdout.write('.');
  }
}
