import { textArray, uuidArray } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql, type RawBuilder } from 'kysely';
import type { TokenReference } from './token-record.js';
import type { KeptAs, StoredToken } from './token-store.js';

/** The state of a record that a write is compared with, as `DatabaseTokenStore` hands it out and gets it back. */
export class KnownToken {
  constructor(
    /** The key of the row in `tokens`. */
    readonly id: string,
    /** The last successful fetch. Each later one has another number, so an equal number means an equal record. */
    readonly fetchSeq: string,
    /** `metadata_version`; 0: there is no document yet. */
    readonly version: number,
    readonly contentHash: string | null,
    readonly etag: string | null,
    readonly lastModified: string | null,
    /** Why no fetch may replace it, by the clock of the database. */
    readonly keptAs: KeptAs | null,
  ) {}
}

/**
 * A condition on rows of `tokens as token`. Tokens of one collection, the usual case, are one scan of the index of the key,
 * which reads each of its pages once.
 */
export function isReferenced(references: readonly TokenReference[]): RawBuilder<unknown> {
  const tokenIds = sql`${textArray(references.map(({ tokenId }) => tokenId))}::text[]::numeric[]`;
  const collectionId = references[0]?.collectionId;
  if (collectionId !== undefined && references.every((reference) => reference.collectionId === collectionId)) {
    return sql`token.collection_id = ${collectionId}::uuid and token.token_id = any(${tokenIds})`;
  }
  const collectionIds = sql`${uuidArray(references.map((reference) => reference.collectionId))}::uuid[]`;
  return sql`(token.collection_id, token.token_id) in (select * from unnest(${collectionIds}, ${tokenIds}))`;
}

interface StoredRow extends TokenReference {
  id: string;
  version: number;
  contentHash: string | null;
  metadataUrl: string | null;
  etag: string | null;
  lastModified: string | null;
  warnings: string[] | null;
  fetchSeq: string;
  changeSeq: string;
  refreshId: string | null;
  keptAs: KeptAs | null;
}

const NO_WARNINGS: readonly string[] = [];

/** Reads only `tokens`, so that a claim costs little. */
export async function findStoredTokens(
  em: EntityManager,
  references: readonly TokenReference[],
  lock: RawBuilder<unknown> = sql``,
): Promise<(StoredToken & { known: KnownToken })[]> {
  const { rows } = await sql<StoredRow>`
    select token.id::text as id, token.collection_id as "collectionId", token.token_id::text as "tokenId",
      token.metadata_version as version, token.content_hash as "contentHash", token.metadata_url as "metadataUrl", token.http_etag as etag,
      token.http_last_modified as "lastModified", token.warnings, token.fetch_seq::text as "fetchSeq",
      token.change_seq::text as "changeSeq", case
        when token.held_until > now() then 'held'
        when token.metadata_source = 'pushed' and exists (
          select from nft_metadata.collections as collection
          where collection.id = token.collection_id
            and coalesce(collection.push_policy, case when source = 'pushed' then 'push_wins' end) = 'push_wins'
        ) then 'superseded'
      end as "keptAs",
      -- After a failure, it is the refresh of that failure.
      case when token.metadata_status = 'ok' then token.last_refresh_id::text end as "refreshId"
    from nft_metadata.tokens as token
    where ${isReferenced(references)}
    ${lock}`.execute(em.getKysely());
  return rows.map(({ id, collectionId, tokenId, contentHash, metadataUrl, etag, lastModified, ...row }) => ({
    collectionId,
    tokenId,
    metadataUrl: contentHash === null ? null : metadataUrl,
    etag,
    lastModified,
    warnings: row.warnings ?? NO_WARNINGS,
    lastFetchSeq: row.fetchSeq,
    lastChangeSeq: row.changeSeq,
    lastRefreshId: row.refreshId,
    metadataVersion: row.version,
    keptAs: row.keptAs,
    known: new KnownToken(id, row.fetchSeq, row.version, contentHash, etag, lastModified, row.keptAs),
  }));
}

/** As `findStoredTokens`, and locks the rows in key order until the end of the transaction. */
export function lockStoredTokens(em: EntityManager, references: readonly TokenReference[]) {
  return findStoredTokens(em, references, sql`order by token.collection_id, token.token_id for no key update of token`);
}
