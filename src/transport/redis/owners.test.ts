import { expect, it } from 'vitest';
import { createOwners, readOwner } from './owners.ts';

it('names a consumer the same for as long as it is there, and anew when it comes back', () => {
  let now = 1_000_000;
  const owners = createOwners('unnamed', 60_000, () => now);
  const first = owners.ownerOf('a.b-1-c');
  expect(readOwner(first)).toEqual({ name: 'a.b-1-c', since: 1_000_000 });
  now += 50_000;
  expect(owners.ownerOf('a.b-1-c')).toBe(first);
  owners.ownerOf('other');
  now += 50_000;
  expect(owners.ownerOf('a.b-1-c')).toBe(first);
  now += 61_000;
  owners.ownerOf('other');
  expect(readOwner(owners.ownerOf('a.b-1-c'))).toEqual({ name: 'a.b-1-c', since: now });
});

it('reads any name, and none of those that did not name themselves', () => {
  const owners = createOwners('unnamed', 60_000, () => 5);
  for (const name of ['', 'a@5', 'two\nlines', 'x.30000']) {
    expect(readOwner(owners.ownerOf(name))).toEqual({ name, since: 5 });
  }
  expect(readOwner(owners.ownerOf(undefined))).toBeUndefined();
  expect(readOwner('alice')).toBeUndefined();
});
