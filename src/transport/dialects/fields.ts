import type { Fields } from './dialect.ts';

/** The value of the first field of a name. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) return fields[index + 1];
  return undefined;
}

/** All fields but those of these names. */
export function without(fields: Fields, names: readonly string[]): Fields {
  return fields.filter((_, index) => !names.includes(fields[index - (index % 2)] ?? ''));
}

/** An entry as text: an object of its fields. */
export function textOfFields(fields: Fields): string {
  const members: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    members.push(`${JSON.stringify(fields[index])}:${JSON.stringify(fields[index + 1])}`);
  }
  return `{${members.join(',')}}`;
}
