import { describeWarning, fieldsOfWarning } from '@app/metadata-fetch';
import type { Attempt, RefreshErrorCode, VersionDifference } from '@app/metadata-refresh';
import type { HoldEnd, TokenRecord, TokenVersion } from '@app/token-store';
import type { z } from 'zod';
import { adviceOn } from '../advice.js';
import { toChange } from '../refreshes/refreshes.presenter.js';
import type { Token, TokenAttempts, TokenList, TokenVersions, VersionDiff } from '../wire/token.schema.js';
import type { collectionNameSchema, projectNameSchema } from '../wire/values.schema.js';
import { shownDocument } from './document-text.js';

type CollectionName = z.output<typeof collectionNameSchema>;

/** What the page of a token needs beside its record. */
export interface TokenFacts {
  project: z.output<typeof projectNameSchema> | null;
  collection: CollectionName;
  collectionTokens: number;
  /** In the order of its attributes. */
  traitCounts: readonly (number | null)[];
  document: string | null;
  actions: Token['token']['actions'];
}

export function toToken(record: TokenRecord, facts: TokenFacts): Token['token'] {
  const { project, collection, collectionTokens, traitCounts, document, actions } = facts;
  return {
    tokenId: record.tokenId,
    project,
    collection,
    collectionTokens,
    name: record.name,
    description: record.description,
    imageUrl: record.imageUrl,
    imageOriginal: record.imageOriginal,
    animationUrl: record.animationUrl,
    animationOriginal: record.animationOriginal,
    externalUrl: record.externalUrl,
    youtubeUrl: record.youtubeUrl,
    backgroundColor: record.backgroundColor,
    attributes: record.attributes.map(({ traitType, value, valueType, displayType, maxValue }, index) => {
      return { traitType, value, valueType, displayType, maxValue, tokens: traitCounts[index] ?? null };
    }),
    warnings: record.warnings.map((code) => ({
      code,
      message: describeWarning(code),
      fields: [...fieldsOfWarning(code)],
    })),
    status: record.metadataStatus,
    metadataUrl: record.metadataUrl,
    metadataSource: record.metadataSource,
    pushedBy: record.pushedBy,
    version: record.metadataVersion,
    contentHash: record.contentHash,
    lastAttemptAt: toText(record.lastAttemptAt),
    lastSuccessAt: toText(record.lastSuccessAt),
    changedAt: toText(record.changedAt),
    staleSince: toText(record.staleSince),
    burnedAt: toText(record.burnedAt),
    heldUntil: toHold(record.heldUntil ?? null),
    lastError: toLastError(record),
    failCount: record.failCount,
    registeredAt: record.registeredAt.toISOString(),
    document: document === null ? null : shownDocument(document),
    documentBytes: document === null ? null : Buffer.byteLength(document),
    actions,
  };
}

/** Attempts are rows of requests, newest first; a page shows those of one attempt together, in order. */
export function toTries(attempts: readonly Attempt[]): TokenAttempts['rows'] {
  const tries: TokenAttempts['rows'] = [];
  for (const attempt of attempts) {
    const { id, refreshId, url, outcome, statusCode, reason, durationMs, bytes, createdAt, event } = attempt;
    const last = tries.at(-1);
    const isSame = last?.refreshId === refreshId && last.attempt === attempt.attempt;
    const request = { id, url, outcome, statusCode, reason, title: titleOf(attempt), durationMs, bytes, at: createdAt };
    if (last && isSame) last.requests.unshift(request);
    else tries.push({ refreshId, attempt: attempt.attempt, event, at: createdAt, requests: [request] });
  }
  return tries;
}

function titleOf({ outcome, reason }: Attempt): string | null {
  if (reason === null) return null;
  const code = CODES[outcome];
  return code === undefined ? null : adviceOn(code, reason).title;
}

const CODES: Partial<Record<Attempt['outcome'], RefreshErrorCode>> = {
  unreachable: 'unable_to_retrieve_metadata',
  bad_status: 'invalid_response_status_code',
  undecodable: 'unable_to_decode_response',
  no_token: 'token_not_found',
};

export function toVersionRow(version: TokenVersion): TokenVersions['rows'][number] {
  return {
    ...toChange(version),
    version: version.version,
    createdAt: version.createdAt.toISOString(),
    refreshId: version.refreshId,
    trigger: version.trigger,
    contentHash: version.contentHash,
    hasDocument: version.hasDocument,
  };
}

export function toDiff(difference: VersionDifference, before: string, after: string): VersionDiff['diff'] {
  const { from, to, patch } = difference;
  return { ...toChange(difference), from, to, patch, before: shownDocument(before), after: shownDocument(after) };
}

export function toListed(record: TokenRecord, collection: CollectionName): TokenList['rows'][number] {
  const { tokenId, name, contentHash, metadataStatus, changedAt } = record;
  return { tokenId, collection, name, contentHash, status: metadataStatus, changedAt: toText(changedAt) };
}

function toLastError({ lastErrorCode, lastErrorReason }: TokenRecord): Token['token']['lastError'] {
  if (lastErrorCode === null || lastErrorReason === null) return null;
  const advice = adviceOn(lastErrorCode as RefreshErrorCode, lastErrorReason);
  return { ...advice, errorCode: lastErrorCode, reason: lastErrorReason };
}

function toHold(until: HoldEnd | null): string | null {
  return until === 'forever' ? 'forever' : toText(until);
}

function toText(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
