/**
 * Parses JSON as Python's `json` module writes it: with bare `NaN`, `Infinity` and `-Infinity`, which are read as the
 * texts `"NaN"`, `"Infinity"` and `"-Infinity"`, as MLflow's REST API writes them.
 *
 * @param parse Parses strict JSON; throws SyntaxError for anything else.
 */
export function parsePythonJson(text: string, parse: (json: string) => unknown = JSON.parse): unknown {
  try {
    return parse(text);
  } catch (error) {
    const quoted = error instanceof SyntaxError ? quoteBareNumbers(text) : text;
    if (quoted === text) throw error;
    return parse(quoted);
  }
}

/** A value, and not the name of a member. Within another word, or where no value may be, its text is no JSON either. */
const BARE = /(?:NaN|-?Infinity)(?=[ \t\r\n]*(?:[,\]}]|$))/y;

function quoteBareNumbers(text: string): string {
  let quoted = '';
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const character = text[at];
    let end = at + 1;
    if (character === '"') {
      end = endOfString(text, at);
    } else if (character === 'N' || character === 'I' || character === '-') {
      BARE.lastIndex = at;
      const [bare] = BARE.exec(text) ?? [];
      if (bare !== undefined) {
        end = at + bare.length;
        quoted += `${text.slice(copied, at)}"${bare}"`;
        copied = end;
      }
    }
    at = end;
  }
  return quoted + text.slice(copied);
}

/** @param from Where its first quote is. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '"') return at + 1;
  }
  return text.length;
}
