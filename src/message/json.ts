/**
 * What JSON.parse lets through and programs trip over.
 *
 * `__proto__` becomes an own key and changes a prototype at the next Object.assign; a whole number beyond
 * 2^53 is silently another number; and what is nested without end ends the stack of whatever walks through it. All are
 * refused. The common message pays two substring searches and a look at its values, on its way in; only a suspicious one
 * is parsed twice.
 */
export class UnsafeJson extends Error {
  override readonly name = 'UnsafeJson';
  /** Where it stands, as a path of keys: `data.baseline_value`. */
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** So many levels of lists and objects in one another are taken: a handler may call itself for each. */
export const MOST_NESTED = 500;

/** Parses JSON. Throws SyntaxError when it is none, {@link UnsafeJson} when it is not safe to use. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (lookThrough(value, 1) || text.includes('__proto__') || text.includes('\\u00')) inspect(text);
  return value;
}

/** Writes JSON that any carrier can take. Throws {@link UnsafeJson}, or TypeError for what JSON cannot say. */
export function writeJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError('JSON has no way to write this value');
  // Numbers need no look: they are read back as they were.
  if (text.length > 2 * MOST_NESTED && MAY_BE_DEEP.test(text)) lookThrough(JSON.parse(text), 1);
  if (text.includes('__proto__')) inspect(text);
  return escapeBeyond(text);
}

// What has fewer brackets need not be walked through.
const MAY_BE_DEEP = new RegExp(`^(?:[^[{]*[[{]){${MOST_NESTED + 1}}`);
const BEYOND = /[\uD800-\uDFFF\uFFFE\uFFFF]/;
const ALL_BEYOND = new RegExp(BEYOND, 'g');

/**
 * The same JSON in characters that every carrier takes: SQS refuses U+FFFE and U+FFFF, and some that speak its
 * protocol all characters beyond them.
 */
export function escapeBeyond(json: string): string {
  return BEYOND.test(json)
    ? json.replace(ALL_BEYOND, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`)
    : json;
}

/**
 * Looks through a value for how deep it is, and answers whether there is a huge number in it. At the values, not the
 * text: what is beyond 2^53 stays so when it is rounded.
 *
 * @param level Of this value, if it is a list or an object. Throws {@link UnsafeJson} when that is too deep.
 */
function lookThrough(value: unknown, level: number): boolean {
  if (typeof value === 'number') return value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER;
  if (!isParent(value)) return false;
  if (level > MOST_NESTED) throw new UnsafeJson('', 'too many levels');
  let has = false;
  // All are looked at, for how deep they are.
  if (Array.isArray(value)) for (const item of value) has = lookThrough(item, level + 1) || has;
  else for (const key in value) has = lookThrough(value[key], level + 1) || has;
  return has;
}

function isParent(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function inspect(text: string): void {
  const paths = new WeakMap<object, string>();
  let unsafe: { holder: object; key: string; message: string } | undefined;
  const parsed: unknown = JSON.parse(
    text,
    function (this: object, key, value, context?: { source?: string }) {
      if (key === '__proto__') {
        unsafe ??= { holder: this, key, message: 'the key __proto__ would change a prototype' };
      } else if (typeof value === 'number' && isChanged(value, context?.source)) {
        unsafe ??= {
          holder: this,
          key,
          message: 'a whole number beyond 2^53 would become another: send it as a string',
        };
      }
      return value;
    },
  );
  if (unsafe === undefined) return;
  notePaths(parsed, '', paths);
  const at = paths.get(unsafe.holder);
  throw new UnsafeJson(at ? `${at}.${unsafe.key}` : unsafe.key, unsafe.message);
}

/** Whether a whole number is another one once it has been read. */
function isChanged(value: number, source = ''): boolean {
  return !Number.isSafeInteger(value) && /^-?\d+$/.test(source) && String(value) !== source;
}

function notePaths(value: unknown, path: string, paths: WeakMap<object, string>): void {
  if (typeof value !== 'object' || value === null) return;
  paths.set(value, path);
  for (const [key, child] of Object.entries(value)) notePaths(child, path ? `${path}.${key}` : key, paths);
}
