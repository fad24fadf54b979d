import { readInIndexOrder } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { recordTables, toTokenRecord, tokenRecordColumns, type TokenRow } from './token-record.row.js';
import type { UpdatedTokensPage, UpdatedTokensQuery } from './token-store.js';

/**
 * Rows that one page reads at most. There is no index by time: each change of content would have to write it, for a list that few
 * deployments use.
 */
const MAX_SCANNED = 20_000;

/** One page of the tokens of a collection that were updated since a time, in the order of token ids. */
export async function pageUpdatedTokens(
  em: EntityManager,
  { collectionId, updatedSince, direction = 'asc', after, limit }: UpdatedTokensQuery & { limit: number },
): Promise<UpdatedTokensPage> {
  const isAscending = direction === 'asc';
  const order = isAscending ? sql`asc` : sql`desc`;
  const beyond = after === undefined ? sql`` : sql`and token_id ${isAscending ? sql`>` : sql`<`} ${after}::numeric`;
  await readInIndexOrder(em);
  const { rows: scans } = await sql<{ ids: string[]; scanned: number; last: string | null; lastFound: string | null }>`
    with scanned as materialized (
      select id, token_id, greatest(registered_at, changed_at) >= ${updatedSince.toISOString()}::timestamptz as is_updated
      from nft_metadata.tokens
      where collection_id = ${collectionId}::uuid ${beyond}
      order by token_id ${order}
      limit ${MAX_SCANNED}
    ), found as (
      select id, token_id from scanned where is_updated order by token_id ${order} limit ${limit}
    )
    select
      (select coalesce(array_agg(id::text order by token_id ${order}), '{}') from found) as ids,
      (select count(*)::int from scanned) as scanned,
      (select token_id::text from scanned order by token_id ${isAscending ? sql`desc` : sql`asc`} limit 1) as last,
      (select token_id::text from found order by token_id ${isAscending ? sql`desc` : sql`asc`} limit 1) as "lastFound"`.execute(
    em.getKysely(),
  );
  const { ids, scanned, last, lastFound } = scans[0]!;
  const { rows } = await sql<TokenRow>`
    select ${tokenRecordColumns}
    from unnest(${ids}::bigint[]) with ordinality as found (id, place)
    join nft_metadata.tokens as token on token.id = found.id
    ${recordTables}
    order by found.place`.execute(em.getKysely());
  const isFull = ids.length === limit;
  const next = isFull ? lastFound : scanned === MAX_SCANNED ? last : null;
  return { tokens: rows.map(toTokenRecord), next };
}
