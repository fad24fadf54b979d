import { sql, type RawBuilder } from 'kysely';
import { rangesAfter, type TokenIdQuery } from './token-selection.js';

/**
 * A query for the ids of selected tokens above `after`. Without filters it reads only the index of the key. `limit`: only the first ones of
 * each range are of interest.
 */
export function selectedTokens({
  collectionId,
  selection,
  after,
  limit,
}: Omit<TokenIdQuery, 'limit'> & { limit?: number }): RawBuilder<{ token_id: string }> {
  const exists = selection.exceptBurned ? sql`and burned_at is null` : sql``;
  const isBehind = after === undefined ? sql`` : sql`and token.token_id > ${after}::numeric`;
  if (!('all' in selection)) {
    const ranges = rangesAfter(selection.ranges, after);
    const bounds = limit === undefined ? sql`offset 0` : sql`order by token_id limit ${limit}`;
    // "offset 0", or a limit: one scan of the index for each range. With old statistics, the planner would read all tokens for this join.
    return sql`
      select token.token_id
      from unnest(
        ${ranges.map(({ from }) => from)}::numeric[], ${ranges.map(({ to }) => to)}::numeric[]
      ) as range (first, last)
      cross join lateral (
        select token_id from nft_metadata.tokens
        where collection_id = ${collectionId}::uuid and token_id between range.first and range.last ${exists}
        ${bounds}
      ) as token`;
  }
  const { status, notRefreshedSince } = selection;
  return sql`
    select token.token_id
    from nft_metadata.tokens as token
    where token.collection_id = ${collectionId}::uuid ${isBehind} ${exists}
      ${status ? sql`and token.metadata_status = any(${status}::text[])` : sql``}
      ${
        notRefreshedSince
          ? sql`and (token.last_success_at is null or token.last_success_at < ${notRefreshedSince.toISOString()}::timestamptz)`
          : sql``
      }`;
}
