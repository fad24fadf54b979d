import type { EntityManager } from '@mikro-orm/postgresql';
import { TokenStore, type TokenSelection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { CHUNK_SIZE } from '../queue/claim-plan.js';
import { allowLargeStatements } from './large-statements.js';
import { dueAt, type NewRefresh } from './new-refresh.js';
import { compareTokenIds } from '../token-id-order.js';

/** Tokens that one statement makes into chunks: a million takes about a second. */
const TOKENS_PER_STATEMENT = CHUNK_SIZE * 8000;
/** Tokens of a host's own store that one statement makes into chunks. */
const PAGED_TOKENS_PER_STATEMENT = CHUNK_SIZE * 80;
type SelectedRefresh = NewRefresh & { selection: TokenSelection };

/**
 * Makes chunks of all tokens that a refresh selects, inside the transaction that accepts it: in the database alone if the token store
 * has a query for them, else page by page. However many tokens there are, this process holds one page of them at most.
 */
@Injectable()
export class SelectedChunks {
  constructor(private readonly tokens: TokenStore) {}

  /** Returns the number of tokens. Stops once there are more than `limit`. */
  async insert(em: EntityManager, refresh: SelectedRefresh, limit: number): Promise<number> {
    await allowLargeStatements(em);
    return (await this.insertFromQuery(em, refresh, limit)) ?? this.insertPages(em, refresh, limit);
  }

  /** null: the store has no such query. */
  private async insertFromQuery(em: EntityManager, refresh: SelectedRefresh, limit: number): Promise<number | null> {
    let total = 0;
    for (let after: string | undefined; ;) {
      const { collection, selection } = refresh;
      const query = this.tokens.selectionSql({ collectionId: collection.id, selection, after });
      if (!query) return null;
      const { tokens, last } = await insertChunks(
        em,
        refresh,
        query,
        Math.min(TOKENS_PER_STATEMENT, limit + 1 - total),
      );
      total += tokens;
      if (tokens < TOKENS_PER_STATEMENT || total > limit) return total;
      after = last!;
    }
  }

  private async insertPages(em: EntityManager, refresh: SelectedRefresh, limit: number): Promise<number> {
    const { collection, selection } = refresh;
    let total = 0;
    let ids: string[] = [];
    for (let after: string | undefined | null; after !== null && total <= limit;) {
      const page = await this.tokens.selectTokens({ collectionId: collection.id, selection, after, limit: 1000 }, em);
      checkOrder(after, page.tokenIds);
      ids.push(...page.tokenIds);
      total += page.tokenIds.length;
      after = page.next;
      if (after !== null && ids.length < PAGED_TOKENS_PER_STATEMENT) continue;
      // Only the last chunk is smaller than the others.
      const whole = after === null ? ids.length : ids.length - (ids.length % CHUNK_SIZE);
      if (whole > 0) {
        const listed = sql<{
          token_id: string;
        }>`select token_id from unnest(${ids.slice(0, whole)}::numeric[]) as one (token_id)`;
        await insertChunks(em, refresh, listed, whole);
      }
      ids = ids.slice(whole);
    }
    return total;
  }
}

/** Makes chunks of the lowest token ids of a query. Returns how many there were, and the last one. */
async function insertChunks(
  em: EntityManager,
  refresh: NewRefresh,
  query: RawBuilder<{ token_id: string }>,
  limit: number,
): Promise<{ tokens: number; last: string | null }> {
  const { id, lane, priority, notBefore } = refresh;
  // Sorts by chunk, although the ids are sorted already: the planner cannot tell. That is cheap, with a million ids on disk as well.
  const { rows } = await sql<{ tokens: number; last: string | null }>`
    with numbered as (
      select token_id, (row_number() over (order by token_id) - 1) / ${CHUNK_SIZE}::int as chunk
      from (select token_id from (${query}) as selected order by token_id limit ${limit}) as selected
    ), chunks as (
      insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, is_paused, token_ids)
      select ${id}::uuid, ${lane}::int, ${priority}::smallint, ${dueAt(refresh)}, ${notBefore !== undefined}::boolean,
        array_agg(token_id order by token_id)
      from numbered
      group by chunk
      order by chunk
      returning token_count, last_token_id
    )
    select coalesce(sum(token_count), 0)::int as tokens, max(last_token_id)::text as last from chunks`.execute(
    em.getKysely(),
  );
  return rows[0]!;
}

/** A store that repeats a token would give it two results in one refresh. */
function checkOrder(after: string | undefined, tokenIds: readonly string[]): void {
  let previous = after;
  for (const tokenId of tokenIds) {
    if (previous !== undefined && compareTokenIds(previous, tokenId) >= 0) {
      throw new Error(`TokenStore.selectTokens returned token ${tokenId} after ${previous}: ids must ascend.`);
    }
    previous = tokenId;
  }
}
