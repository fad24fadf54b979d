import { toChangeObject, toFieldNames } from '@app/token-store';
import type { LintFinding } from './reveal-lint.js';
import type { RevealChanges, RevealToken } from './reveal-preview.js';

/** What a reveal would change, for programs: in responses and on the command line. */
export function toRevealChangesObject({ asOf, fields, traits, ...tokens }: RevealChanges) {
  return {
    as_of: asOf.toISOString(),
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

/** The same for its findings. */
export function toLintObject(revealId: string, { asOf, findings }: { asOf: Date; findings: readonly LintFinding[] }) {
  return {
    reveal_id: revealId,
    as_of: asOf.toISOString(),
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

/** The same for one of its tokens, without the record, which a response adds as text. */
export function toRevealTokenObject(token: RevealToken) {
  const { error } = token;
  return {
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
}
