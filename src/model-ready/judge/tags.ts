import type { Guardrail, ModelPolicy } from '../../config/policy.ts';
import type { Direction } from '../fields.ts';
import type { Problem } from './evidence.ts';
import { InvalidMinImprovement, type MinImprovement, parseMinImprovement } from './parse-min-improvement.ts';

/** The tags of a model, or its properties: what people write, in whatever way. */
export type Tags = ReadonlyMap<string, string>;

/** What the tags of a model say of how it is judged. */
export interface TagsRead {
  readonly token_symbol: string | null;
  readonly contributor_address?: string;
  readonly proposal_identifier?: string;
  readonly benchmark_spec_id?: string;
  /** The fields of its policy that tags set. */
  readonly policy: ModelPolicy;
  /** The first tag that cannot be understood. */
  readonly problem?: Problem;
}

/**
 * Reads what tags say: with capitals, as `maximize` or `80%` where that can mean one thing only. A tag that cannot be
 * understood is a problem of the model, and its sentence says how to write it.
 */
export function readTags(tags: Tags): TagsRead {
  const reader = createReader(tags);
  const contributor = reader.take('contributor_address', asAddress);
  const proposal = reader.take('proposal_identifier', asText(256));
  const spec = reader.take('benchmark_spec_id', asText(256));
  const gain = reader.take('benchmark.min_improvement', asGain);
  const guardrails = [...tags.keys()]
    .filter((tag) => tag.startsWith(GUARDRAIL))
    .flatMap((tag) => reader.take(tag, (text) => asGuardrail(tag.slice(GUARDRAIL.length), text)) ?? []);
  const policy: ModelPolicy = withoutUndefined({
    metric: reader.take('benchmark.metric', asText(250)),
    direction: reader.take('benchmark.direction', asDirection),
    dataset: reader.take('benchmark.dataset', asText(500)),
    floor: reader.take('benchmark.floor', asNumber),
    ceiling: reader.take('benchmark.ceiling', asNumber),
    // A tag says one of the two, and so takes the place of both.
    ...(gain && { minGain: gain.minGain ?? 0, minRelativeGain: gain.minRelativeGain ?? 0 }),
    requireSignificance: reader.take('benchmark.require_significance', asBoolean),
    ...(guardrails.length > 0 && { guardrails }),
  });
  return {
    token_symbol: reader.take('token_symbol', asTokenSymbol) ?? null,
    ...(contributor !== undefined && { contributor_address: contributor }),
    ...(proposal !== undefined && { proposal_identifier: proposal }),
    ...(spec !== undefined && { benchmark_spec_id: spec }),
    policy,
    ...(reader.problem && { problem: reader.problem }),
  };
}

/** The number that a tag says, NaN and infinite ones as Python writes them; undefined where there is no such tag. */
export function numberIn(tags: Tags, tag: string): { value?: number; problem?: Problem } {
  const reader = createReader(tags);
  const value = reader.take(tag, asNumber);
  return { ...(value !== undefined && { value }), ...(reader.problem && { problem: reader.problem }) };
}

const GUARDRAIL = 'benchmark.guardrail.';

function createReader(tags: Tags) {
  let problem: Problem | undefined;
  return {
    take<Value>(tag: string, read: (text: string) => Value | undefined): Value | undefined {
      const text = tags.get(tag)?.trim();
      if (!text) return undefined;
      try {
        return read(text);
      } catch (error) {
        if (!(error instanceof Expected)) throw error;
        const { message: expected } = error;
        problem ??= { code: 'invalid_tag', reason: `its tag ${tag} cannot be understood: ${expected}` };
        return undefined;
      }
    },
    get problem() {
      return problem;
    },
  };
}

/** The message is what was expected. */
class Expected extends Error {
  override readonly name = 'Expected';
  constructor(what: string) {
    super(`expected ${what}`);
  }
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/;

function asNumber(text: string): number {
  const lower = text.toLowerCase();
  const [, share] = /^(.*\d\.?)\s*%$/.exec(lower) ?? [];
  if (share !== undefined && NUMBER.test(share)) return Number(share) / 100;
  if (NUMBER.test(lower)) return Number(lower);
  if (lower === 'nan') return Number.NaN;
  const [, sign, infinite] = /^([+-]?)(inf|infinity)$/.exec(lower) ?? [];
  if (infinite !== undefined) return sign === '-' ? -Infinity : Infinity;
  throw new Expected('a number such as 0.8, or 80%');
}

const HIGHER: ReadonlySet<string> = new Set(
  'higher high up max maximize maximise maximum greater increase asc ascending higher_is_better'.split(' '),
);
const LOWER: ReadonlySet<string> = new Set(
  'lower low down min minimize minimise minimum less decrease desc descending lower_is_better'.split(' '),
);

function asDirection(text: string): Direction {
  const word = text.toLowerCase().replace(/[\s-]+/g, '_');
  if (HIGHER.has(word)) return 'higher';
  if (LOWER.has(word)) return 'lower';
  throw new Expected('higher or lower');
}

function asTokenSymbol(text: string): string {
  const symbol = text.toLowerCase();
  if (/^[a-z0-9-]{1,64}$/.test(symbol)) return symbol;
  throw new Expected('1 to 64 letters, digits and "-"');
}

function asAddress(text: string): string {
  if (/^0[xX][0-9a-fA-F]{40}$/.test(text)) return `0x${text.slice(2)}`;
  throw new Expected('0x and 40 hexadecimal digits');
}

function asText(longest: number) {
  return (text: string): string => {
    if (text.length <= longest) return text;
    throw new Expected(`a text of at most ${longest} characters`);
  };
}

function asBoolean(text: string): boolean {
  if (/^(?:true|yes|1|on)$/i.test(text)) return true;
  if (/^(?:false|no|0|off)$/i.test(text)) return false;
  throw new Expected('true or false');
}

function asGain(text: string): MinImprovement {
  try {
    return parseMinImprovement(text);
  } catch (error) {
    if (!(error instanceof InvalidMinImprovement)) throw error;
    throw new Expected('a number such as 0.01, or a share such as 1%');
  }
}

/** `<= 200`, `>= 0.9`, or how much worse it may be: `0.01`, `1%`. */
function asGuardrail(metric: string, text: string): Guardrail {
  const [, bound, limit] = /^([<>]=?|≤|≥)\s*(.+)$/.exec(text) ?? [];
  if (bound !== undefined && limit !== undefined) {
    const value = asNumber(limit);
    return bound.startsWith('<') || bound === '≤' ? { metric, max: value } : { metric, min: value };
  }
  const { minGain, minRelativeGain } = asGain(text);
  return minGain === undefined ? { metric, maxRelativeLoss: minRelativeGain } : { metric, maxLoss: minGain };
}

function withoutUndefined(policy: ModelPolicy): ModelPolicy {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}
