/**
 * Stands in the secrets and the data of tests that search for it in all that is printed; so does whoever searches the
 * output of all tests. Letters and digits, so that it is the same in a URL, in JSON and in a shell.
 */
export const CANARY = 'Canary7Fq2LeakXw9Zt';

/** As {@link CANARY}, in what has to be base64: a secret of webhooks. */
export const CANARY_WEBHOOK_SECRET = `whsec_${Buffer.from(`${CANARY}${CANARY}`).toString('base64')}`;

/** Whatever part of a text the canary is in, also encoded: each with what is around it. */
export function canariesIn(text: string): string[] {
  const unescaped = text
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/\\+u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return [text, unescaped].flatMap((one) =>
    FORMS.flatMap((form) => {
      const at = one.toLowerCase().indexOf(form.toLowerCase());
      return at < 0 ? [] : [one.slice(Math.max(0, at - 100), at + form.length + 100)];
    }),
  );
}

const HEX = Buffer.from(CANARY).toString('hex');
/** A text within others is one of three in base64; what its first and last characters depend on is left out. */
const BASE64 = [0, 1, 2].map((before) =>
  Buffer.from(`${'x'.repeat(before)}${CANARY}`)
    .toString('base64url')
    .slice(before === 0 ? 0 : before + 1, -4),
);
const FORMS = [CANARY, HEX, ...BASE64];
