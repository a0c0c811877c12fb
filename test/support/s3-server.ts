import { type Answer, serveHttp } from './http-server.ts';

/**
 * An S3 with one bucket that keeps conditions of writes, which the embedded emulator does not. The tests on LocalStack ask
 * the same of another one.
 *
 * @param allows Whether whoever asks has a right, such as `s3:GetObject on models/folder/key`.
 */
export async function startS3(bucket: string, allows: (right: string) => boolean = () => true) {
  const objects = new Map<string, { text: string; etag: string }>();
  let writes = 0;
  const answer: Answer = ({ method, url, headers, body }, response) => {
    const fail = (status: number, code: string): void => {
      response.writeHead(status).end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
    };
    if (!headers.authorization?.includes('/s3/aws4_request')) return fail(403, 'AccessDenied');
    const [, name, key = ''] = /^\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    if (name !== bucket) return fail(404, 'NoSuchBucket');
    const found = objects.get(key);
    const right = `s3:${method === 'GET' ? 'Get' : 'Put'}Object on ${bucket}/${key}`;
    if (!allows(right)) return fail(403, 'AccessDenied');
    if (method === 'GET') {
      // Who may not list it is not told what is not there.
      if (found === undefined && !allows(`s3:ListBucket on ${bucket}`)) return fail(403, 'AccessDenied');
      if (found === undefined) return fail(404, 'NoSuchKey');
      response.writeHead(200, { etag: found.etag }).end(found.text);
      return;
    }
    const match = headers['if-match'];
    if (match !== undefined && found === undefined) return fail(404, 'NoSuchKey');
    if (match !== undefined && match !== found?.etag) return fail(412, 'PreconditionFailed');
    if (headers['if-none-match'] === '*' && found !== undefined) return fail(412, 'PreconditionFailed');
    writes++;
    objects.set(key, { text: body, etag: `"${writes}"` });
    response.writeHead(200, { etag: `"${writes}"` }).end();
  };
  return { ...(await serveHttp(answer)), objects };
}
