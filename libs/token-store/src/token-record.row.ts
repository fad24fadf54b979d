import { sql } from 'kysely';
import type { Attribute } from './token-metadata.js';
import type { MetadataStatus, TokenRecord } from './token-record.js';

/** What is selected for a TokenRecord, from `tokens as token` joined with `collections as collection`. */
export const tokenRecordColumns = sql.raw(
  Object.entries({
    chainId: 'collection.chain_id',
    collectionAddress: 'collection.address',
    collectionId: 'collection.id',
    tokenId: 'token.token_id::text',
    name: 'token.name',
    description: 'token.description',
    imageUrl: 'token.image_url',
    imageOriginal: 'token.image_original',
    imageVersion: 'token.image_version',
    animationUrl: 'token.animation_url',
    animationOriginal: 'token.animation_original',
    externalUrl: 'token.external_url',
    youtubeUrl: 'token.youtube_url',
    backgroundColor: 'token.background_color',
    decimals: 'token.decimals',
    localization: 'token.localization',
    attributes: 'token.attributes',
    warnings: 'token.warnings',
    metadataStatus: 'token.metadata_status',
    metadataUrl: 'token.metadata_url',
    metadataSource: 'token.metadata_source',
    metadataVersion: 'token.metadata_version',
    contentHash: 'token.content_hash',
    lastAttemptAt: 'token.last_attempt_at',
    lastSuccessAt: 'token.last_success_at',
    changedAt: 'token.changed_at',
    staleSince: 'token.stale_since',
    lastErrorCode: 'token.last_error_code',
    lastErrorReason: 'token.last_error_reason',
    failCount: 'token.fail_count',
    lastRefreshId: 'token.last_refresh_id',
  } satisfies Record<keyof TokenRecord, string>)
    .map(([name, column]) => `${column} as "${name}"`)
    .join(', '),
);

type Timestamps = 'lastAttemptAt' | 'lastSuccessAt' | 'changedAt' | 'staleSince';

/** The row as the driver gives it: bigint as text, timestamps as the connection is set up to parse them. */
export type TokenRow = Omit<TokenRecord, Timestamps | 'chainId' | 'attributes' | 'metadataStatus'> &
  Record<Timestamps, Date | string | null> & { chainId: string; attributes: Attribute[]; metadataStatus: string };

export function toTokenRecord(row: TokenRow): TokenRecord {
  return {
    ...row,
    chainId: Number(row.chainId),
    metadataStatus: row.metadataStatus as MetadataStatus,
    lastAttemptAt: toDate(row.lastAttemptAt),
    lastSuccessAt: toDate(row.lastSuccessAt),
    changedAt: toDate(row.changedAt),
    staleSince: toDate(row.staleSince),
  };
}

function toDate(value: Date | string | null): Date | null {
  return value === null ? null : new Date(value);
}
