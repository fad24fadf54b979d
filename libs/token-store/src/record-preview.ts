import { isDeepStrictEqual } from 'node:util';
import { traitDifference, traitValues, type MetadataChange } from './metadata-change.js';
import { REPORTED_FIELDS } from './record-difference.js';
import type { MetadataSourceKind, TokenMetadata } from './token-metadata.js';
import type { TokenRecord } from './token-record.js';

/** A successful fetch that is not stored. */
export interface UnstoredFetch {
  metadata: TokenMetadata;
  metadataUrl: string;
  metadataSource: MetadataSourceKind;
  fetchedAt: Date;
}

/** What a fetch would do to a record. */
export interface RecordPreview {
  /** The record as it would be stored. */
  record: TokenRecord;
  /** As a `token.metadata.changed` event would report it; null: the content would stay the same. */
  change: MetadataChange | null;
}

/** Compares a fetch with the stored record, as a write does, and writes nothing. */
export function previewRecord(
  before: TokenRecord,
  { metadata, metadataUrl, metadataSource, fetchedAt }: UnstoredFetch,
): RecordPreview {
  const fetched = {
    ...before,
    metadataStatus: 'ok',
    metadataUrl,
    metadataSource,
    pushedBy: null,
    lastAttemptAt: fetchedAt,
    lastSuccessAt: fetchedAt,
    staleSince: null,
    lastErrorCode: null,
    lastErrorReason: null,
    failCount: 0,
  } as const;
  // An equal document is not written: the record keeps its fields, also if they were read by other rules.
  if (before.contentHash === metadata.contentHash) return { record: fetched, change: null };

  const { raw: _, ...content } = metadata;
  const record: TokenRecord = {
    ...fetched,
    ...content,
    imageVersion: before.imageVersion + Number(before.imageUrl !== metadata.imageUrl),
    metadataVersion: before.metadataVersion + 1,
    changedAt: fetchedAt,
  };
  const { collectionId, tokenId } = before;
  const changedFields = REPORTED_FIELDS.filter((field) => !isEqual(before[field], record[field]));
  const traits = traitDifference(traitValues(before.attributes), traitValues(record.attributes));
  return { record, change: { collectionId, tokenId, source: metadataSource, changedFields, ...traits } };
}

/** As JSON, whose objects may be stored in any order of their keys, and which has no negative zero. */
function isEqual(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(asJson(one), asJson(other));
}

function asJson(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (JSON.parse(JSON.stringify(value)) as unknown) : value;
}
