import { toValidationObject, type TokenValidation, type Validation } from '@app/metadata-refresh';
import type { z } from 'zod';
import { toTokenBody } from '../token-api/token-api.presenter.js';
import type { validationSchema } from './validation-api.schemas.js';

type Body = z.output<typeof validationSchema>;
type Token = Body['tokens'][number];

/** JSON text that contains the documents unparsed, since parsing would round their numbers. */
export function toValidationBody(validation: Validation): string {
  const { tokens, ...fields } = toValidationObject(validation);
  const texts = tokens.map((token, index) => toTokenText(token, validation.tokens[index]!));
  return `${JSON.stringify(fields satisfies Omit<Body, 'tokens'>).slice(0, -1)},"tokens":[${texts.join(',')}]}`;
}

function toTokenText(token: Omit<Token, 'record' | 'omitted'>, { omitted, record, document }: TokenValidation): string {
  const recordText = record ? toTokenBody(record, document) : 'null';
  return `${JSON.stringify({ ...token, omitted }).slice(0, -1)},"record":${recordText}}`;
}
