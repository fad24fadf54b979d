import { EntityManager } from '@mikro-orm/postgresql';
import { bigintArray, inSnapshot, readInIndexOrder, readingFrom, textArray, uuidArray } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { InvalidTokenId } from './token-store.errors.js';
import { MetadataWriter } from './metadata-writer.js';
import { formatPageCursor, parsePageCursor, type PageOrder } from './search/page-cursor.js';
import { TokenSearch, type PageQuery } from './search/token-search.js';
import { hasFilters } from './search/trait-filter.js';
import type { FailureWrite, MetadataWrite } from './token-metadata.js';
import { tokenOrder } from './token-order.js';
import { recordTables, toTokenRecord, tokenRecordColumns, type TokenRow } from './token-record.row.js';
import type { TokenName, TokenRecord, TokenReference } from './token-record.js';
import { pageUpdatedTokens } from './updated-tokens.js';
import { TokenRegistration } from './token-registration.js';
import { selectedTokens } from './selected-tokens.js';
import { findStoredTokens, isReferenced } from './stored-tokens.js';
import { TokenRemoval } from './token-removal.js';
import { summarizeTraits } from './trait-summaries.js';
import { isEverything, type TokenIdPage, type TokenIdQuery, type TokenSelection } from './token-selection.js';
import {
  TokenStore,
  type StoredToken,
  type TokenAge,
  type TokenLimit,
  type TokenPage,
  type TokenPageQuery,
  type TokenQuery,
  type TraitQuery,
  type TraitSummary,
  type UpdatedTokensPage,
  type UpdatedTokensQuery,
  type WriteOptions,
  type WriteResult,
} from './token-store.js';

/** Token records in `nft_metadata.tokens` and `nft_metadata.token_documents`. */
@Injectable()
export class DatabaseTokenStore extends TokenStore {
  constructor(
    private readonly em: EntityManager,
    private readonly writer: MetadataWriter,
    private readonly search: TokenSearch,
    private readonly registration: TokenRegistration,
    private readonly removal: TokenRemoval,
  ) {
    super();
  }

  override async registerTokens(
    collectionId: string,
    tokenIds: readonly string[],
    { collectionTokens }: TokenLimit = {},
  ): Promise<number> {
    InvalidTokenId.check(tokenIds);
    return this.registration.register(collectionId, tokenIds, collectionTokens);
  }

  override async countTokens(collectionId: string): Promise<number> {
    return this.registration.count(collectionId);
  }

  override async removeTokens(collectionId: string, tokenIds?: readonly string[]): Promise<number> {
    if (tokenIds === undefined) return this.removal.removeAll(collectionId);
    InvalidTokenId.check(tokenIds);
    return this.removal.remove(collectionId, tokenIds);
  }

  override async findUnknown(em: EntityManager, collectionId: string, tokenIds: readonly string[]): Promise<string[]> {
    const { rows } = await sql<{ tokenId: string }>`
      select ids.token_id::text as "tokenId"
      from unnest(${tokenIds}::numeric[]) as ids (token_id)
      where not exists (
        -- "any": by the key, also with statistics from before a large registration.
        select from nft_metadata.tokens as token
        where token.collection_id = ${collectionId}::uuid and token.token_id = any(${tokenIds}::numeric[])
          and token.token_id = ids.token_id
      )`.execute(em.getKysely());
    const unknown = new Set(rows.map(({ tokenId }) => tokenId));
    return tokenIds.filter((tokenId) => unknown.has(tokenId));
  }

  override async setBurned(
    em: EntityManager,
    collectionId: string,
    tokenIds: readonly string[],
    isBurned: boolean,
  ): Promise<void> {
    if (tokenIds.length === 0) return;
    await sql`
      with locked as (
        select id from nft_metadata.tokens
        where collection_id = ${collectionId}::uuid and token_id = any(${textArray(tokenIds)}::text[]::numeric[])
          and (burned_at is not null) <> ${isBurned}::boolean
        order by token_id
        for no key update
      )
      update nft_metadata.tokens as token
      set burned_at = case when ${isBurned}::boolean then now() end
      where token.id = any(array(select id from locked))`.execute(em.getKysely());
  }

  override async findBurned(collectionId: string, tokenIds: readonly string[]): Promise<string[]> {
    const { rows } = await sql<{ tokenId: string }>`
      select token_id::text as "tokenId" from nft_metadata.tokens
      where collection_id = ${collectionId}::uuid and token_id = any(${textArray(tokenIds)}::text[]::numeric[])
        and burned_at is not null`.execute(this.em.fork().getKysely());
    return rows.map(({ tokenId }) => tokenId);
  }

  override async listAges({ collectionId, after, limit }: Parameters<TokenStore['listAges']>[0]): Promise<TokenAge[]> {
    const rows = await inSnapshot(this.em, async (em) => {
      await readInIndexOrder(em);
      const page = await sql<{ [Field in keyof TokenAge]: TokenAge[Field] | string }>`
        select token_id::text as "tokenId", last_attempt_at as "lastAttemptAt", changed_at as "changedAt", burned_at as "burnedAt"
        from nft_metadata.tokens as token
        where collection_id = ${collectionId}::uuid ${after === undefined ? sql`` : sql`and token.token_id > ${after}::numeric`}
        order by token.token_id
        limit ${limit}`.execute(em.getKysely());
      return page.rows;
    });
    const toDate = (value: Date | string | null) => (value === null ? null : new Date(value));
    return rows.map(({ tokenId, lastAttemptAt, changedAt, burnedAt }) => ({
      tokenId,
      lastAttemptAt: toDate(lastAttemptAt),
      changedAt: toDate(changedAt),
      burnedAt: toDate(burnedAt),
    }));
  }

  override async findToken(reference: TokenReference): Promise<TokenRecord | null> {
    const [record] = await this.findTokens([reference]);
    return record ?? null;
  }

  override async findTokens(references: readonly TokenReference[], em = readingFrom(this.em)): Promise<TokenRecord[]> {
    const { rows } = await sql<TokenRow>`
      select ${tokenRecordColumns}
      from nft_metadata.tokens as token
      ${recordTables}
      where ${isReferenced(references)}`.execute(em.getKysely());
    return rows.map(toTokenRecord);
  }

  override async findNames(collectionId: string, tokenIds: readonly string[]): Promise<TokenName[]> {
    // offset 0: one look-up for each token, whatever the statistics say of the table.
    const { rows } = await sql<TokenName>`
      select token.token_id::text as "tokenId", document.name, token.content_hash as "contentHash"
      from nft_metadata.tokens as token
      left join lateral (select name from nft_metadata.token_documents where id = token.id offset 0) as document on true
      where ${isReferenced(tokenIds.map((tokenId) => ({ collectionId, tokenId })))}`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows;
  }

  override async listTokens({ limit, after, ...query }: TokenQuery): Promise<TokenRecord[]> {
    const order = tokenOrder('token_id', 'asc');
    const wanted = clamp(limit);
    const tokens: TokenRecord[] = [];
    let from = after === undefined ? null : [after];
    await inSnapshot(this.em, async (em) => {
      do {
        // The caller waits for a full page: one long lookup costs less than scans through the whole collection.
        const page = await this.page(em, query, order, from, wanted - tokens.length, { maxPostings: Infinity });
        tokens.push(...page.tokens);
        from = page.next;
      } while (from && tokens.length < wanted);
    });
    return tokens;
  }

  override async pageTokens({
    orderBy = 'token_id',
    direction = 'asc',
    cursor,
    after: beyond,
    limit,
    ...query
  }: TokenPageQuery): Promise<TokenPage> {
    const order = tokenOrder(orderBy, direction);
    const place = beyond === undefined ? null : [beyond];
    const after = cursor === undefined ? place : parsePageCursor(order, cursor);
    const { tokens, next } = await inSnapshot(this.em, (em) => this.page(em, query, order, after, clamp(limit)));
    return { tokens, next: next && formatPageCursor(order, next) };
  }

  override async pageUpdated(query: UpdatedTokensQuery): Promise<UpdatedTokensPage> {
    return inSnapshot(this.em, (em) => pageUpdatedTokens(em, { ...query, limit: clamp(query.limit) }));
  }

  /** Tokens are found and read in one snapshot: they match the filters and are in order, whatever is written meanwhile. */
  private async page(
    em: EntityManager,
    { collectionId, ...filters }: TokenQuery,
    order: PageOrder,
    after: readonly string[] | null,
    limit: number,
    options: Pick<PageQuery, 'maxPostings'> = {},
  ): Promise<{ tokens: TokenRecord[]; next: string[] | null }> {
    // Tokens that have no metadata yet are listed as well, by their ids.
    const isPlain = !hasFilters(filters) && order.columns[0]!.name === 'token_id';
    const source = isPlain
      ? { table: 'nft_metadata.tokens' }
      : { table: 'nft_metadata.token_search', indexCondition: sql`row.id <> 0` };
    const search = { ...source, collectionId, order, filters, after, limit, ...options };
    const { rows: found, next } = await this.search.find(search, em);
    const { rows } = await sql<TokenRow>`
      select ${tokenRecordColumns}
      from unnest(${found.map(({ id }) => id)}::bigint[]) with ordinality as found (id, place)
      join nft_metadata.tokens as token on token.id = found.id
      ${recordTables}
      order by found.place`.execute(em.getKysely());
    return { tokens: rows.map(toTokenRecord), next };
  }

  override async selectTokens({ limit, ...query }: TokenIdQuery, em = this.em.fork()): Promise<TokenIdPage> {
    const { rows } = await sql<{ tokenId: string }>`
      select token_id::text as "tokenId" from (${selectedTokens({ ...query, limit })}) as selected
      order by selected.token_id
      limit ${limit}`.execute(em.getKysely());
    const tokenIds = rows.map(({ tokenId }) => tokenId);
    return { tokenIds, next: tokenIds.length < limit ? null : tokenIds.at(-1)! };
  }

  override async countSelected(collectionId: string, selection: TokenSelection): Promise<number> {
    if (isEverything(selection)) return this.countTokens(collectionId);
    const { rows } = await sql<{ tokens: number }>`
      select count(*)::int as tokens from (${selectedTokens({ collectionId, selection })}) as selected`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows[0]!.tokens;
  }

  override selectionSql(query: Omit<TokenIdQuery, 'limit'>): RawBuilder<{ token_id: string }> {
    return selectedTokens(query);
  }

  override async findTokenWithDocument({ collectionId, tokenId }: TokenReference) {
    const { rows } = await sql<TokenRow & { document: string | null }>`
      select ${tokenRecordColumns}, document.raw::text as document
      from nft_metadata.tokens as token
      ${recordTables}
      where token.collection_id = ${collectionId}::uuid and token.token_id = ${tokenId}::numeric`.execute(
      readingFrom(this.em).getKysely(),
    );
    const [row] = rows;
    if (!row) return null;
    const { document, ...token } = row;
    return { token: toTokenRecord(token), document };
  }

  override async listTraits({ collectionId, valuesPerType }: TraitQuery): Promise<TraitSummary[]> {
    const query = sql`
      select trait_type, value, value_number, token_count from nft_metadata.collection_traits
      where collection_id = ${collectionId}::uuid and token_count > 0`;
    return summarizeTraits(this.em.fork(), { query }, valuesPerType);
  }

  override async countTraits(
    collectionId: string,
    traits: readonly { traitType: string; value: string }[],
  ): Promise<(number | null)[]> {
    const { rows } = await sql<{ tokens: number | null }>`
      select trait.token_count as tokens
      from unnest(
        ${textArray(traits.map(({ traitType }) => traitType))}::text[], ${textArray(traits.map(({ value }) => value))}::text[]
      ) with ordinality as wanted (trait_type, value, place)
      left join nft_metadata.collection_traits as trait
        on trait.collection_id = ${collectionId}::uuid and trait.trait_type = wanted.trait_type and trait.value = wanted.value
      order by wanted.place`.execute(readingFrom(this.em).getKysely());
    return rows.map(({ tokens }) => tokens);
  }

  override async findStored(references: readonly TokenReference[], em = this.em.fork()): Promise<StoredToken[]> {
    return findStoredTokens(em, references);
  }

  override async lockTokens(em: EntityManager, references: readonly TokenReference[]): Promise<void> {
    await sql`
      select from nft_metadata.tokens as token
      where ${isReferenced(references)}
      order by token.collection_id, token.token_id
      for no key update of token`.execute(em.getKysely());
  }

  override prepareWrites(writes: readonly MetadataWrite[]): Promise<void> {
    return this.writer.prepare(writes);
  }

  override writeMetadata(
    em: EntityManager,
    writes: readonly MetadataWrite[],
    options?: WriteOptions,
  ): Promise<WriteResult[]> {
    return this.writer.write(em, writes, options);
  }

  override async recordFailures(em: EntityManager, failures: readonly FailureWrite[]): Promise<void> {
    if (failures.length === 0) return;
    await sql`
      with failure as materialized (
        select distinct on (collection_id, token_id) *
        from unnest(
          ${uuidArray(failures.map(({ collectionId }) => collectionId))}::uuid[],
          ${textArray(failures.map(({ tokenId }) => tokenId))}::text[]::numeric[],
          ${bigintArray(failures.map(({ fetchSeq }) => fetchSeq))}::bigint[],
          ${textArray(failures.map(({ errorCode }) => errorCode))}::text[],
          ${textArray(failures.map(({ errorReason }) => errorReason))}::text[],
          ${uuidArray(failures.map(({ refreshId }) => refreshId))}::uuid[]
        ) as failure (collection_id, token_id, fetch_seq, error_code, error_reason, refresh_id)
        order by collection_id, token_id, fetch_seq desc
      ), locked as (
        select token.id
        from failure
        join nft_metadata.tokens as token using (collection_id, token_id)
        where token.fetch_seq < failure.fetch_seq
        order by token.collection_id, token.token_id
        for no key update of token
      )
      update nft_metadata.tokens as token
      set metadata_status = case when token.last_success_at is null then 'failed' else 'stale' end,
        stale_since = case when token.last_success_at is null then null else coalesce(token.stale_since, now()) end,
        fail_count = token.fail_count + 1,
        last_error_code = failure.error_code,
        last_error_reason = failure.error_reason,
        last_attempt_at = now(),
        last_refresh_id = failure.refresh_id
      from failure
      where token.id = any(array(select id from locked))
        and token.collection_id = failure.collection_id and token.token_id = failure.token_id`.execute(em.getKysely());
  }
}

function clamp(limit = 100): number {
  return Math.min(Math.max(limit, 1), 1000);
}
