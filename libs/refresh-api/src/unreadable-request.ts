import { HttpException } from '@nestjs/common';

/** Translates an error of a body parser or a router for the caller; null for any other error. */
export function toHttpException(error: unknown): HttpException | null {
  if (error instanceof URIError) return new HttpException('The path is not valid percent-encoding.', 400);
  return error instanceof Error ? (fromFastify(error) ?? fromExpress(error)) : null;
}

function fromExpress(error: Error): HttpException | null {
  if (!('status' in error)) return null;
  const status = Number(error.status);
  if (!(status >= 400 && status <= 499)) return null;
  const type = 'type' in error ? error.type : '';
  switch (type) {
    case 'entity.parse.failed':
      return notJson(error.message, status);
    case 'entity.too.large':
      return tooLarge('limit' in error ? String(error.limit) : null);
    default:
      return new HttpException(`The body cannot be read: ${error.message}.`, status);
  }
}

function fromFastify(error: Error): HttpException | null {
  if (!('statusCode' in error)) return null;
  const code = 'code' in error ? String(error.code) : '';
  // With a parser of the host application, or an older one of Fastify, the error is the JSON parser's own.
  if (error instanceof SyntaxError && error.statusCode === 400) return notJson(error.message, 400);
  if (!code.startsWith('FST_ERR_CTP_')) return null;
  switch (code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return notJson(error.message.replace(/\.$/, ''), 400);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HttpException('The body must be JSON, sent with "Content-Type: application/json".', 415);
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return tooLarge(null);
    default:
      return new HttpException(
        `The body cannot be read: ${error.message.replace(/\.$/, '')}.`,
        Number(error.statusCode),
      );
  }
}

function notJson(why: string, status: number): HttpException {
  return new HttpException(`The body is not valid JSON: ${why}.`, status);
}

function tooLarge(limit: string | null): HttpException {
  return new HttpException(`The body exceeds the limit${limit === null ? '' : ` of ${limit} bytes`}.`, 413);
}
