import {
  toLintObject,
  toRevealChangesObject,
  toRevealTokenObject,
  type LintFinding,
  type Reveal,
  type RevealChanges,
  type RevealToken,
  type StagedTokenPage,
} from '@app/metadata-refresh';
import { toChangeObject } from '@app/token-store';
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
  return {
    ...toRevealBody(reveal),
    changes: changes && { ...toRevealChangesObject(changes), as_of: toMicroseconds(changes.asOf) },
  };
}

export function toLintBody(
  revealId: string,
  lint: { asOf: Date; findings: readonly LintFinding[] },
): z.output<typeof lintSchema> {
  return { ...toLintObject(revealId, lint), as_of: toMicroseconds(lint.asOf) };
}

/** JSON text that contains the document unparsed, since parsing would round its numbers. */
export function toRevealTokenBody(token: RevealToken): string {
  const { record, document } = token;
  const fields: Omit<z.output<typeof revealTokenSchema>, 'record'> = toRevealTokenObject(token);
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
