import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { bundleLambdas } from './bundle.ts';
import { ROOT } from './functions.ts';

it('keeps what keeps order where a topic asks for it, and says that it is not there where none does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-order-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const entry = join(folder, 'entry.ts');
  const processor = JSON.stringify(join(ROOT, 'src/consume/processor.ts'));
  writeFileSync(entry, `export { createProcessor as handler } from ${processor};`);
  for (const ordered of [true, false]) {
    const [bundle] = await bundleLambdas([{ name: `ordered-${ordered}`, entry, ordered }], folder);
    const { handler } = await import(pathToFileURL(bundle?.module ?? '').href);
    const make = () => handler({ ordered: true, retry: { maxAttempts: 3 } });
    if (ordered) expect(make().isolate([])).toEqual([[]]);
    else expect(make).toThrow('this function was bundled without what keeps order');
  }
});
