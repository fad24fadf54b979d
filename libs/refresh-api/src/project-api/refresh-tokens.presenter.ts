import type { RefreshToken, RefreshTokenPage } from '@app/metadata-refresh';
import type { z } from 'zod';
import { toCsvRow } from './csv-row.js';
import { formatTokenCursor } from './cursor.js';
import type { refreshTokenPageSchema, refreshTokenSchema } from './refresh-tokens.responses.js';

type Row = z.output<typeof refreshTokenSchema>;
type Trait = NonNullable<Row['traits_added']>[number];

export function toTokenPage({ rows, next }: RefreshTokenPage): z.output<typeof refreshTokenPageSchema> {
  const last = next ?? rows.at(-1)?.tokenId;
  return {
    result: rows.map(toTokenRow),
    cursor: last === undefined ? '' : formatTokenCursor(last),
    remaining: next === null ? 0 : 1,
  };
}

function toTokenRow(token: RefreshToken): Row {
  const { change } = token;
  const toTrait = ({ traitType, value }: { traitType: string; value: string }) => ({ trait_type: traitType, value });
  return {
    token_id: token.tokenId,
    verdict: token.verdict,
    attempts: token.attempts,
    finished_at: token.finishedAt,
    metadata_version: token.metadataVersion,
    changed_fields: change && change.changedFields.map(toSnakeCase),
    traits_added: change && change.traitsAdded.map(toTrait),
    traits_removed: change && change.traitsRemoved.map(toTrait),
    has_all_traits: change && change.hasAllTraits,
    error_code: token.errorCode,
    reason: token.reason,
    status_code: token.statusCode,
    metadata_url: token.metadataUrl,
    next_attempt_at: token.nextAttemptAt,
  };
}

export function toNdjson(tokens: readonly RefreshToken[]): string {
  return tokens.map((token) => `${JSON.stringify(toTokenRow(token))}\n`).join('');
}

/** The columns of the CSV, in order; those of a row of JSON. */
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
] as const satisfies (keyof Row)[];

/** Begins with a byte order mark: without it, spreadsheets do not read the file as UTF-8. */
export const CSV_HEADER = `\uFEFF${toCsvRow(COLUMNS)}`;

export function toCsv(tokens: readonly RefreshToken[]): string {
  return tokens
    .map(toTokenRow)
    .map((row) => toCsvRow(COLUMNS.map((name) => toCell(row[name]))))
    .join('');
}

/** A list in one cell: its entries are separated by a semicolon. */
function toCell(value: Row[keyof Row]): string | number | boolean | null {
  if (!Array.isArray(value)) return value;
  return value.map((entry) => (typeof entry === 'string' ? entry : toText(entry))).join('; ');
}

function toText({ trait_type, value }: Trait): string {
  return `${trait_type}: ${value}`;
}

/** The spelling of the token API. */
function toSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
