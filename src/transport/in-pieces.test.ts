import { expect, it } from 'vitest';
import { inPieces } from './in-pieces.ts';

it('a list is cut into pieces of at most so many, in order, and nothing is lost', () => {
  expect(inPieces([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(inPieces([1, 2], 2)).toEqual([[1, 2]]);
  expect(inPieces([], 2)).toEqual([]);
});
