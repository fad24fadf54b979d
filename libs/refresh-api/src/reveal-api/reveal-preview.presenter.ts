import type { LintFinding, Reveal, RevealChanges, RevealToken, StagedTokenPage } from '@app/metadata-refresh';
import { toChangeObject, toFieldNames } from '@app/token-store';
import type { z } from 'zod';
import { formatTokenCursor } from '../cursor.js';
import { toMicroseconds } from '../microseconds.js';
import { toTokenBody } from '../token-api/token-api.presenter.js';
import { toRevealBody } from './reveal-api.presenter.js';
import type {
  lintSchema,
  revealDetailsSchema,
  revealTokenSchema,
  stagedTokenPageSchema,
} from './reveal-preview.responses.js';

type Details = z.output<typeof revealDetailsSchema>;

export function toRevealDetails(reveal: Reveal, changes: RevealChanges | null): Details {
  return { ...toRevealBody(reveal), changes: changes && toChangesBody(changes) };
}

function toChangesBody({ asOf, fields, traits, ...tokens }: RevealChanges): NonNullable<Details['changes']> {
  return {
    as_of: toMicroseconds(asOf),
    updated: tokens.updated,
    unchanged: tokens.unchanged,
    superseded: tokens.superseded,
    missing: tokens.missing,
    first_metadata: tokens.firstMetadata,
    not_staged: tokens.notStaged,
    fields: Object.fromEntries(Object.entries(fields).map(([field, count]) => [toFieldNames([field])[0]!, count])),
    traits: {
      tokens: traits.tokens,
      added: traits.added,
      removed: traits.removed,
      values_added: traits.valuesAdded,
      values_removed: traits.valuesRemoved,
      types_added: traits.typesAdded,
      types_removed: traits.typesRemoved,
    },
  };
}

export function toLintBody(
  revealId: string,
  { asOf, findings }: { asOf: Date; findings: readonly LintFinding[] },
): z.output<typeof lintSchema> {
  return {
    reveal_id: revealId,
    as_of: toMicroseconds(asOf),
    findings: findings.map(({ code, message, count, examples }) => ({
      code,
      message,
      count,
      examples: examples.map(({ tokens, tokenIds, traitTypes, values }) => {
        return { tokens, token_ids: tokenIds, trait_types: traitTypes, values };
      }),
    })),
  };
}

/** JSON text that contains the document unparsed, since parsing would round its numbers. */
export function toRevealTokenBody(token: RevealToken): string {
  const { error, record, document } = token;
  const fields: Omit<z.output<typeof revealTokenSchema>, 'record'> = {
    token_id: token.tokenId,
    verdict: token.verdict,
    effect: token.effect,
    error_code: error?.errorCode ?? null,
    reason: error?.reason ?? null,
    advice: error?.advice ?? null,
    status_code: error?.statusCode ?? null,
    metadata_url: token.metadataUrl,
    warnings: [...token.warnings],
    ...toChangeObject(token),
    omitted: token.omitted,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"record":${record ? toTokenBody(record, document) : 'null'}}`;
}

export function toStagedTokenPage({ rows, next }: StagedTokenPage): z.output<typeof stagedTokenPageSchema> {
  const last = next ?? rows.at(-1)?.tokenId;
  return {
    result: rows.map((row) => ({
      token_id: row.tokenId,
      effect: row.effect,
      name: row.name,
      image_url: row.imageUrl,
      warnings: [...row.warnings],
      ...toChangeObject(row),
    })),
    cursor: last === undefined ? '' : formatTokenCursor(last),
    remaining: next === null ? 0 : 1,
  };
}
