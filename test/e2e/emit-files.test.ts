import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runHere } from '../support/cli.ts';
import { writeEvaluations } from '../support/evaluations.ts';

const cli = (...words: string[]) => runHere(words, { TRANSPORT_URL: 'memory:' });

/** A folder of evaluations with these values, until the test ends. */
function evaluations(...values: number[]): string {
  const path = mkdtempSync(join(tmpdir(), 'hikyaku-emit-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return writeEvaluations(path, 'm', values);
}

describe('emit', () => {
  it('judges what can be read of a folder, and says in a sentence what cannot', async () => {
    const path = evaluations(0.75, 0.25);
    const utf16 = readFileSync(join(path, '0.json'), 'utf8').replace('"0"', '"utf16"');
    writeFileSync(join(path, '4.json'), `\ufeff${utf16}`, 'utf16le');
    writeFileSync(join(path, '5.json'), utf16.replace('utf16', 'nan').replace('0.75', 'NaN'));
    writeFileSync(join(path, '2.json'), '{"a":');
    writeFileSync(join(path, '3.json'), '{"regression_metrics":{}}');
    mkdirSync(join(path, '6.json'));
    const { code, stdout, stderr } = await cli('emit', path, join(path, 'none'), '--json');
    expect(code).toBe(2);
    const printed = stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const named = (file: string) => expect.stringMatching(`^${join(path, file)}`);
    expect(printed).toEqual([
      { event: 'unreadable', reason: named('2.json: expected JSON: ') },
      { event: 'unreadable', reason: named('6.json cannot be read: EISDIR') },
      { event: 'unreadable', reason: named('none cannot be read: ENOENT') },
      { event: 'unreadable', reason: named('3.json: expected an evaluation that names model') },
      expect.objectContaining({ event: 'announced', model_version: '0' }),
      expect.objectContaining({ event: 'announced', model_version: 'utf16' }),
      expect.objectContaining({ event: 'rejected', model_version: '1' }),
      expect.objectContaining({ event: 'rejected', model_version: 'nan', code: 'metric_not_finite' }),
    ]);
    expect(stderr.match(/^unreadable: /gm)).toHaveLength(4);
    expect(stderr).toMatch(/^error: 4 of the inputs cannot be read; all others are judged$/m);
  });

  it('ends with 2 where nothing can be read', async () => {
    const path = join(evaluations(), 'report.json');
    writeFileSync(path, '{"regression_metrics":{}}');
    const { code, stderr } = await cli('emit', path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: nothing that was given can be read$/m);
  });
});
