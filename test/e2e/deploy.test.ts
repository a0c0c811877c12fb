import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { announcementOf } from '../support/announcements.ts';
import { CANARY_WEBHOOK_SECRET } from '../support/canary.ts';
import { runHere, startCli } from '../support/cli.ts';
import { type Answer, startHttpServer } from '../support/http-server.ts';

const taking: Answer = (_, response) => void response.end();

async function given(answer: Answer = taking) {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-deploy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const platform = await startHttpServer(answer);
  const environment = {
    HIKYAKU_DIR: folder,
    DEPLOYED_URL: pathToFileURL(join(folder, 'deployed')).href,
    DEPLOY_URL: platform.url,
    DEPLOY_SECRET: CANARY_WEBHOOK_SECRET,
  };
  const file = (version: string, current_value: number) => {
    const path = join(folder, `${version}.json`);
    writeFileSync(path, JSON.stringify(announcementOf(version, { current_value }).data));
    return path;
  };
  return {
    file,
    run: (...words: string[]) => runHere(['deploy', 'churn', ...words], environment),
    requests: () => platform.requests.map(({ body }) => JSON.parse(body).data.model_version),
    sequences: () => platform.requests.map(({ headers }) => Number(headers['hikyaku-sequence'])),
    ids: () => platform.requests.map(({ headers }) => headers['webhook-id']),
    audit: (): unknown[] =>
      readFileSync(join(folder, 'audit.ndjson'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
  };
}

describe('hikyaku deploy', () => {
  it('deploys by the rules, and says what is in the way', async () => {
    const { run, file, requests } = await given();
    const first = await run('2', '--data', file('2', 0.8));
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^deployed {2}churn v2$/m) });
    expect(await run('2', '--data', file('2', 0.8))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('deployed already  churn v2'),
    });
    const worse = await run('3', '--data', file('3', 0.7));
    expect(worse.code).toBe(6);
    expect(worse.stderr).toContain(
      'churn 3 is not deployed: its accuracy of 0.7 is not better than the 0.8 of version 2, which is deployed (higher is better); --force --reason TEXT deploys it all the same',
    );
    expect((await run('3', '--data', file('3', 0.7), '--json')).events).toMatchObject([
      { event: 'superseded', model_version: '3', by: '2' },
    ]);
    expect(requests()).toEqual(['2']);
  });

  it('goes back to what was live before, and what was announced before does not undo it', async () => {
    const { run, file, requests, sequences, ids, audit } = await given();
    await run('2', '--data', file('2', 0.8));
    await run('3', '--data', file('3', 0.9));
    const back = await run('2', '--force', '--reason', 'v3 answers too slowly', '--by', 'ada');
    expect(back.code, back.stderr).toBe(0);
    expect(back.stdout).toContain('forced  churn v2  by ada: v3 answers too slowly');
    // Again, without --data: as it was deployed before.
    expect(await run('3')).toMatchObject({
      code: 6,
      stderr: expect.stringContaining(
        'ada deployed version 2 after it was announced (v3 answers too slowly)',
      ),
    });
    expect((await run('4', '--data', file('4', 0.85))).code).toBe(0);
    expect(requests()).toEqual(['2', '3', '2', '4']);
    expect(sequences()).toEqual(sequences().toSorted((one, other) => one - other));
    expect(new Set(sequences()).size).toBe(4);
    // A platform that knows an id would do nothing.
    expect(new Set(ids()).size).toBe(4);
    expect(audit()).toEqual([
      {
        at: expect.any(String),
        action: 'deploy --force',
        by: 'ada',
        reason: 'v3 answers too slowly',
        id: expect.any(String),
        model_name: 'churn',
        model_version: '2',
        replaced: '3',
        outcome: 'deployed',
      },
    ]);
  });

  it('writes down what was forced in vain, and ends with what a script can tell apart', async () => {
    const { run, file, audit } = await given((_, response) => void response.writeHead(503).end());
    const failed = await run('2', '--data', file('2', 0.8), '--force', '--reason', 'a try');
    expect(failed).toMatchObject({ code: 3, stderr: expect.stringContaining('answered 503') });
    expect(audit()).toMatchObject([{ outcome: 'DeployFailed', replaced: null, by: expect.any(String) }]);
    const refusing = await given((_, response) => void response.writeHead(422).end());
    expect((await refusing.run('2', '--data', refusing.file('2', 0.8))).code).toBe(2);
    const newer = await given((_, response) => void response.writeHead(409).end());
    expect(await newer.run('2', '--data', newer.file('2', 0.8))).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('it has a newer deployment of this model'),
    });
  });

  it.each([
    [
      ['2'],
      4,
      'the announcement of churn 2 is not known, no version was deployed yet: give it with --data FILE',
    ],
    [['2', '--force'], 2, '--force takes --reason TEXT'],
    [['2', '--reason', 'x'], 2, '--reason and --by go with --force'],
    [['2', '--data', '/nonexistent.json'], 2, '/nonexistent.json'],
  ])('%j ends with %i', async (words, code, message) => {
    const { run } = await given();
    expect(await run(...words)).toMatchObject({ code, stderr: expect.stringContaining(message) });
  });

  it('takes an announcement only of the version that is asked for, and only a whole one', async () => {
    const { run, file } = await given();
    const other = await run('3', '--data', file('2', 0.8));
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('announces churn 2: expected churn 3'),
    });
    const path = file('2', 0.8);
    writeFileSync(path, JSON.stringify({ ...announcementOf('2').data, token_symbol: 7 }));
    const wrong = await run('2', '--data', path);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('token_symbol: expected 1 to 64'),
    });
  });

  it('has to be told where it is kept what was deployed last', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-deploy-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const nothing = await runHere(['deploy', 'churn', '2'], { HIKYAKU_DIR: folder });
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('nothing runs here') });
    const onSqs = await runHere(['deploy', 'churn', '2'], {
      HIKYAKU_DIR: folder,
      TRANSPORT_URL: 'sqs://eu-west-1',
    });
    expect(onSqs).toMatchObject({ code: 2, stderr: expect.stringContaining('DEPLOYED_URL is not set') });
  });

  it('works on the system that npm start runs here', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-deploy-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const environment = { HIKYAKU_DIR: folder };
    const system = startCli(['dev', '--json'], environment);
    onTestFinished(() => void system.child.kill('SIGKILL'));
    await system.waitFor({ event: 'settled' });
    const back = await runHere(['deploy', 'iris-species', '2', '--force', '--reason', 'again'], environment);
    expect(back.code, back.stderr).toBe(0);
    expect(back.stdout).toContain('deployed  iris-species v2');
    const decisions = readFileSync(join(folder, 'platform.ndjson'), 'utf8').trim().split('\n');
    expect(JSON.parse(decisions.at(-1) ?? '')).toMatchObject({
      decision: 'deployed',
      model_name: 'iris-species',
    });
    system.child.kill('SIGTERM');
    expect(await system.exit).toBe(0);
  }, 60_000);
});
