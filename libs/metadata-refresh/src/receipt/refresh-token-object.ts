import { toChangeObject, type ChangeObject } from '@app/token-store';
import { toCsvRow } from './csv-row.js';
import type { RefreshErrorCode } from '../refresh-reason.js';
import type { RefreshToken, TokenState } from './refresh-tokens-reader.js';

/** What became of a token, for programs: in responses and files. */
export interface RefreshTokenObject {
  token_id: string;
  verdict: TokenState;
  attempts: number;
  finished_at: string | null;
  metadata_version: number | null;
  changed_fields: ChangeObject['changed_fields'] | null;
  traits_added: ChangeObject['traits_added'] | null;
  traits_removed: ChangeObject['traits_removed'] | null;
  has_all_traits: boolean | null;
  error_code: RefreshErrorCode | null;
  reason: string | null;
  status_code: number | null;
  metadata_url: string | null;
  next_attempt_at: string | null;
}

const NO_CHANGE = { changed_fields: null, traits_added: null, traits_removed: null, has_all_traits: null };

export function toTokenObject(token: RefreshToken): RefreshTokenObject {
  return {
    token_id: token.tokenId,
    verdict: token.verdict,
    attempts: token.attempts,
    finished_at: token.finishedAt,
    metadata_version: token.metadataVersion,
    ...(token.change ? toChangeObject(token.change) : NO_CHANGE),
    error_code: token.errorCode,
    reason: token.reason,
    status_code: token.statusCode,
    metadata_url: token.metadataUrl,
    next_attempt_at: token.nextAttemptAt,
  };
}

/** One line of JSON for each token. */
export function toNdjson(tokens: readonly RefreshToken[]): string {
  return tokens.map((token) => `${JSON.stringify(toTokenObject(token))}\n`).join('');
}

/** The columns of the CSV, in order. */
const COLUMNS = [
  'token_id',
  'verdict',
  'attempts',
  'finished_at',
  'metadata_version',
  'changed_fields',
  'traits_added',
  'traits_removed',
  'has_all_traits',
  'error_code',
  'reason',
  'status_code',
  'metadata_url',
  'next_attempt_at',
] as const satisfies (keyof RefreshTokenObject)[];

/** Begins with a byte order mark: without it, spreadsheets do not read the file as UTF-8. */
export const CSV_HEADER = `\uFEFF${toCsvRow(COLUMNS)}`;

/** One record of RFC 4180 for each token, to come after CSV_HEADER. */
export function toCsv(tokens: readonly RefreshToken[]): string {
  return tokens
    .map(toTokenObject)
    .map((token) => toCsvRow(COLUMNS.map((name) => toCell(token[name]))))
    .join('');
}

/** A list in one cell: its entries are separated by a semicolon. */
function toCell(value: RefreshTokenObject[keyof RefreshTokenObject]): string | number | boolean | null {
  if (!Array.isArray(value)) return value;
  return value.map((entry) => (typeof entry === 'string' ? entry : toText(entry))).join('; ');
}

function toText({ trait_type, value }: ChangeObject['traits_added'][number]): string {
  return `${trait_type}: ${value}`;
}
