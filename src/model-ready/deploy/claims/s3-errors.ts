import { type ErrorCode, TransportError } from '../../../transport/errors.ts';

/** The code of an error of S3, as its XML says it; empty where it says none. */
export function s3ErrorCode(text: string): string {
  return /<Code>(\w{1,100})<\/Code>/.exec(text)?.[1] ?? '';
}

interface Rule {
  readonly code: ErrorCode;
  /** What to do. */
  readonly advice: string;
}

const DENIED: Rule = {
  code: 'Denied',
  advice: 'give these credentials s3:GetObject and s3:PutObject on its objects, and s3:ListBucket on it',
};

const RULES: Readonly<Record<string, Rule>> = {
  NoSuchBucket: { code: 'NotFound', advice: 'create the bucket, or name another one in DEPLOYED_URL' },
  PermanentRedirect: { code: 'Invalid', advice: 'name its region in DEPLOYED_URL: s3://bucket?region=…' },
  AuthorizationHeaderMalformed: {
    code: 'Invalid',
    advice: 'name its region in DEPLOYED_URL: s3://bucket?region=…',
  },
  SlowDown: { code: 'Throttled', advice: 'it asks for fewer requests' },
  RequestTimeTooSkewed: { code: 'Unavailable', advice: "set this machine's clock" },
};

/** What an answer that is none of those expected means. */
export function s3Error(bucket: string, status: number, text: string): TransportError {
  const name = s3ErrorCode(text);
  const said = `the bucket ${bucket} answered ${status}${name && ` ${name}`}`;
  const rule = RULES[name] ?? (status === 401 || status === 403 ? DENIED : undefined);
  if (rule !== undefined) return new TransportError(rule.code, `${said}: ${rule.advice}`);
  if (status === 429) return new TransportError('Throttled', said);
  return new TransportError(status >= 500 ? 'Unavailable' : 'Invalid', said);
}
