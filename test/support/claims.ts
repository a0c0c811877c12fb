import { expect, it } from 'vitest';
import type { ClaimStore } from '../../src/model-ready/deploy/claims/store.ts';

/** A name that is hard on file names and keys. */
const HARD = '../Ärger mit/Modellen 模型 ☂?#%2F.json';

/** What every store of claims has to do. `open` opens the same store each time, as another process does. */
export function testClaims(open: () => ClaimStore): void {
  const model = (): string => `churn ${crypto.randomUUID()}`;

  it('has nothing of a model that nothing was written of', async () => {
    expect(await open().read(model())).toBeUndefined();
  });

  it('gives back what was written, to others too', async () => {
    const name = model();
    expect(await open().write(name, '{"text":"ä ☂"}', undefined)).toBe(true);
    expect(await open().read(name)).toMatchObject({ text: '{"text":"ä ☂"}' });
  });

  it('keeps models apart, whatever they are called', async () => {
    const store = open();
    const names = [HARD, HARD.toLowerCase(), '..', '.', 'churn', 'Churn', 'churn/', 'a'.repeat(256)];
    for (const name of names) {
      const before = await store.read(name);
      expect(await store.write(name, JSON.stringify(name), before?.revision)).toBe(true);
    }
    for (const name of names) expect((await store.read(name))?.text).toBe(JSON.stringify(name));
  });

  it('writes only on the revision that is there', async () => {
    const name = model();
    const store = open();
    expect(await store.write(name, '"1"', undefined)).toBe(true);
    expect(await store.write(name, '"no"', undefined)).toBe(false);
    const first = await store.read(name);
    expect(await store.write(name, '"2"', first?.revision)).toBe(true);
    expect(await store.write(name, '"no"', first?.revision)).toBe(false);
    expect((await store.read(name))?.text).toBe('"2"');
  });

  it('refuses a revision of long ago', async () => {
    const name = model();
    const store = open();
    await store.write(name, '0', undefined);
    const old = await store.read(name);
    for (let count = 1; count <= 30; count++) {
      const { revision } = (await store.read(name)) ?? {};
      expect(await store.write(name, String(count), revision)).toBe(true);
    }
    expect(await store.write(name, '"no"', old?.revision)).toBe(false);
    expect(await store.write(name, '"no"', undefined)).toBe(false);
    expect((await store.read(name))?.text).toBe('30');
  });

  it('lets one of many write who have read the same', async () => {
    const name = model();
    for (const text of ['"first"', '"second"', '"third"']) {
      const before = await open().read(name);
      const wrote = await Promise.all(
        Array.from({ length: 8 }, (_, index) => open().write(name, `${text}${index}`, before?.revision)),
      );
      expect(wrote.filter(Boolean)).toHaveLength(1);
      expect((await open().read(name))?.text).toBe(`${text}${wrote.indexOf(true)}`);
    }
  });

  it('loses no count of writers at once', async () => {
    const name = model();
    await Promise.all(Array.from({ length: 4 }, () => countUp(open(), name, 10)));
    expect((await open().read(name))?.text).toBe('40');
  });
}

/** Adds one so many times, each time on what is there. */
export async function countUp(store: ClaimStore, name: string, times: number, onEach = () => {}) {
  for (let done = 0; done < times; ) {
    const before = await store.read(name);
    if (!(await store.write(name, String(Number(before?.text ?? 0) + 1), before?.revision))) continue;
    done++;
    onEach();
  }
}
