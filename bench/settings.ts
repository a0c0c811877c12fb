/**
 * Numbers that a driver may be given in its module's query, such as `?concurrency=50`, over its defaults: how one
 * finds out what suits it best.
 */
export function settingsOf<Settings extends Readonly<Record<string, number>>>(
  module: string,
  defaults: Settings,
): Settings {
  const settings: Record<string, number> = { ...defaults };
  for (const [name, value] of new URL(module).searchParams) {
    if (!Object.hasOwn(defaults, name)) {
      throw new Error(`${name} is no setting: there are ${Object.keys(defaults).join(', ')}`);
    }
    settings[name] = Number(value);
  }
  return { ...defaults, ...settings };
}
