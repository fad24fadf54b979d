import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { InvalidRequest } from './invalid-request.js';

export const IDEMPOTENCY_KEY = 'idempotency-key';

const PRINTABLE = /^[\x20-\x7E]{1,255}$/;

/** The header `Idempotency-Key`; undefined: there is none. Throws InvalidRequest. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
  const key = headers[IDEMPOTENCY_KEY];
  if (key === undefined || PRINTABLE.test(key)) return key;
  throw new InvalidRequest('the header Idempotency-Key must have 1 to 255 printable ASCII characters');
});

/** On the response to a request that was accepted before. */
export const REPLAYED_HEADER = { 'idempotent-replayed': 'true' };

export const DocumentsIdempotencyKey = () =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Any text of 1 to 255 printable characters, such as a UUID. For 24 hours, a request with the same key and body is not accepted again: it gets the response of the first one, with `Idempotent-Replayed: true`. A response that refuses a request is not kept.',
    schema: { type: 'string', minLength: 1, maxLength: 255, examples: ['5b0f2d0e-3c1c-4a55-9a0e-3f3f6f1f7c11'] },
  });

export const replayedHeader = {
  'idempotent-replayed': {
    description: '`true`: the request was accepted before, with the same `Idempotency-Key`. Absent otherwise.',
    required: false,
    schema: { type: 'string' as const, enum: ['true'] },
  },
};
