/** A number as it was written: 1.0 stays another one than 1. */
class Literal {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

interface PythonJsonOptions {
  /** Members in the order of their names' code points. */
  readonly sorted?: boolean;
  /** Spaces by which each level is moved in; a line for each value. Default: all in one line. */
  readonly indent?: number;
}

/**
 * The same JSON in the bytes that Python's `json.dumps` writes: a space after each separator, ASCII only, floats by their
 * `repr`. Takes JSON text, for a value would have lost which numbers are floats.
 */
export function pythonJson(json: string, { sorted = false, indent }: PythonJsonOptions = {}): string {
  const parsed: unknown = JSON.parse(json, (_name, value, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined ? new Literal(context.source) : value,
  );

  function write(value: unknown, level: number): string {
    if (value instanceof Literal) return numberText(value.source);
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => write(item, level + 1));
      return enclosed('[', items, ']', level);
    }
    if (typeof value !== 'object' || value === null)
      return typeof value === 'string' ? ascii(value) : JSON.stringify(value);
    const entries: [string, unknown][] = Object.entries(value);
    if (sorted) entries.sort(([a], [b]) => byCodePoint(a, b));
    const items = entries.map(([name, item]) => `${ascii(name)}: ${write(item, level + 1)}`);
    return enclosed('{', items, '}', level);
  }

  function enclosed(open: string, items: readonly string[], close: string, level: number): string {
    if (indent === undefined || items.length === 0) return `${open}${items.join(', ')}${close}`;
    const line = `\n${' '.repeat(indent * (level + 1))}`;
    return `${open}${line}${items.join(`,${line}`)}\n${' '.repeat(indent * level)}${close}`;
  }

  return write(parsed, 0);
}

/** A float as Python's `repr` and `str` write it: `1700000000.0`, `1e-05`, `1e+16`. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const [digits = '', exponentText = ''] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const plain = Object.is(value, -0) ? '-0' : String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

function numberText(source: string): string {
  if (/^-?\d+$/.test(source)) return source === '-0' ? '0' : source;
  const value = Number(source);
  // Python would write Infinity, which is no JSON: nobody else could read it again.
  return Number.isFinite(value) ? floatRepr(value) : source;
}

function ascii(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007F-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let index = 0; index < left.length && index < right.length; index++) {
    const steps = (left[index]?.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? 0);
    if (steps !== 0) return steps;
  }
  return left.length - right.length;
}
