import { sql } from 'kysely';
import type { Attribute } from './token-metadata.js';
import type { HoldEnd, MetadataStatus, TokenRecord } from './token-record.js';

/**
 * What is selected for a TokenRecord, from `tokens as token`, with `recordTables` joined to it. In one statement, so a record
 * is read whole, old or new.
 */
export const tokenRecordColumns = sql.raw(
  Object.entries({
    chainId: 'collection.chain_id',
    collectionAddress: 'collection.address',
    collectionId: 'collection.id',
    tokenId: 'token.token_id::text',
    name: 'document.name',
    description: 'document.description',
    imageUrl: 'document.image_url',
    imageOriginal: 'document.image_original',
    imageVersion: 'coalesce(document.image_version, 0)',
    animationUrl: 'document.animation_url',
    animationOriginal: 'document.animation_original',
    externalUrl: 'document.external_url',
    youtubeUrl: 'document.youtube_url',
    backgroundColor: 'document.background_color',
    decimals: 'document.decimals',
    localization: 'document.localization',
    attributes: "coalesce(document.attributes, '[]')",
    warnings: "coalesce(token.warnings, '{}')",
    metadataStatus: 'token.metadata_status',
    metadataUrl: 'token.metadata_url',
    metadataSource: 'token.metadata_source',
    pushedBy: 'token.pushed_by',
    metadataVersion: 'token.metadata_version',
    contentHash: 'token.content_hash',
    lastAttemptAt: 'token.last_attempt_at',
    lastSuccessAt: 'token.last_success_at',
    changedAt: 'token.changed_at',
    staleSince: 'token.stale_since',
    burnedAt: 'token.burned_at',
    lastErrorCode: 'token.last_error_code',
    lastErrorReason: 'token.last_error_reason',
    failCount: 'token.fail_count',
    lastRefreshId: 'token.last_refresh_id',
    registeredAt: 'token.registered_at',
    heldUntil: 'case when token.held_until > now() then token.held_until end',
  } satisfies Record<keyof TokenRecord, string>)
    .map(([name, column]) => `${column} as "${name}"`)
    .join(', '),
);

/** offset 0: one look-up for each token, whatever the statistics say of the table. */
export const recordTables = sql.raw(`
  join nft_metadata.collections as collection on collection.id = token.collection_id
  left join lateral (
    select * from nft_metadata.token_documents as document where document.id = token.id offset 0
  ) as document on true`);

type Timestamps =
  'lastAttemptAt' | 'lastSuccessAt' | 'changedAt' | 'staleSince' | 'burnedAt' | 'registeredAt' | 'heldUntil';

type Timestamp = Date | string | number;

/** The row as the driver gives it: bigint as text, timestamps as the connection is set up to parse them. */
export type TokenRow = Omit<TokenRecord, Timestamps | 'chainId' | 'attributes' | 'metadataStatus'> &
  Record<Timestamps, Timestamp | null> & { chainId: string; attributes: Attribute[]; metadataStatus: string };

export function toTokenRecord(row: TokenRow): TokenRecord {
  return {
    ...row,
    chainId: Number(row.chainId),
    metadataStatus: row.metadataStatus as MetadataStatus,
    lastAttemptAt: toDate(row.lastAttemptAt),
    lastSuccessAt: toDate(row.lastSuccessAt),
    changedAt: toDate(row.changedAt),
    staleSince: toDate(row.staleSince),
    burnedAt: toDate(row.burnedAt),
    registeredAt: toDate(row.registeredAt)!,
    heldUntil: toHoldEnd(row.heldUntil),
  };
}

/** Infinity is a number where the host has not changed the parser of timestamps. */
function toHoldEnd(value: Timestamp | null): HoldEnd | null {
  return /^infinity$/i.test(String(value)) ? 'forever' : toDate(value);
}

function toDate(value: Timestamp | null): Date | null {
  return value === null ? null : new Date(value);
}
