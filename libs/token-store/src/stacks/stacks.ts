import { inTransaction, textArray, uuidArray } from '@app/database';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { recordTables, toTokenRecord, tokenRecordColumns, type TokenRow } from '../token-record.row.js';
import type { TokenRecord, TokenReference } from '../token-record.js';
import { StackWriter } from './stack-writer.js';

/** Tokens of a collection that were pushed with the same document. */
export interface Stack {
  /** It stays when another document is pushed to the stack. */
  id: string;
  createdAt: Date;
  /** When its content last changed. */
  updatedAt: Date;
  /** One of its tokens: all of them show the same. */
  token: TokenRecord;
}

/** A stack and the number of its tokens. */
export interface CountedStack extends Stack {
  tokenCount: number;
}

/** Which stacks of a collection to list. */
export interface StackQuery {
  collectionId: string;
  direction: 'asc' | 'desc';
  /** Only stacks beyond this id, in the direction of the list. */
  after?: string | undefined;
  /** Only stacks whose content changed then or later. */
  updatedSince?: Date | undefined;
  limit: number;
}

/** A page of them, in the order of their ids. */
export interface StackPage {
  stacks: Stack[];
  /**
   * The last id that was looked at; null: nothing is beyond it. The work for one page is bounded, so it can have fewer stacks than its
   * limit, or none, and a `next`.
   */
  next: string | null;
}

/** Rows that one page reads at most. */
const MAX_SCANNED = 10_000;
/** Stacks that one transaction looks at, to delete those without tokens. */
const DELETE_BATCH_SIZE = 500;

/** The stacks that have tokens. Tokens come into them by pushes, and leave them with any other change of their content. */
@Injectable()
export class Stacks {
  constructor(
    private readonly em: EntityManager,
    private readonly writer: StackWriter,
  ) {}

  /** By `stackKey` of the token. Leaves out tokens without a stack, and those whose record has changed since. */
  async idsOf(
    records: readonly Pick<TokenRecord, 'collectionId' | 'tokenId' | 'contentHash'>[],
  ): Promise<ReadonlyMap<string, string>> {
    if (records.length === 0) return new Map();
    const { rows } = await sql<TokenReference & { stackId: string }>`
      select token.collection_id as "collectionId", token.token_id::text as "tokenId", stack.id as "stackId"
      from unnest(
        ${uuidArray(records.map(({ collectionId }) => collectionId))}::uuid[],
        ${textArray(records.map(({ tokenId }) => tokenId))}::text[]::numeric[],
        ${textArray(records.map(({ contentHash }) => contentHash))}::text[]
      ) as record (collection_id, token_id, content_hash)
      join nft_metadata.tokens as token using (collection_id, token_id)
      join nft_metadata.stack_tokens as member on member.id = token.id
      join nft_metadata.stacks as stack on stack.id = member.stack_id and stack.content_hash = record.content_hash
      where token.content_hash = record.content_hash`.execute(this.em.fork().getKysely());
    return new Map(rows.map((row) => [stackKey(row), row.stackId]));
  }

  /** null: there is no such stack, or no token is in it. */
  async find(collectionId: string, stackId: string): Promise<Stack | null> {
    const stacks = await this.select(sql`
      select * from nft_metadata.stacks
      where id = ${stackId}::uuid and collection_id = ${collectionId}::uuid`);
    return stacks[0] ?? null;
  }

  /** Of these, those on the chain that have tokens, in the order of their ids. */
  async findOnChain(chainId: number, stackIds: readonly string[]): Promise<CountedStack[]> {
    const stacks = await this.select(sql`
      select stack.* from nft_metadata.stacks as stack
      join nft_metadata.collections as collection on collection.id = stack.collection_id
      where stack.id = any(${uuidArray(stackIds)}::uuid[]) and collection.chain_id = ${chainId}::bigint`);
    const { rows } = await sql<{ id: string; tokenCount: number }>`
      select stack.id, count(*)::int as "tokenCount"
      from nft_metadata.stacks as stack
      join nft_metadata.stack_tokens as member on member.stack_id = stack.id
      join nft_metadata.tokens as token on token.id = member.id and token.content_hash = stack.content_hash
      where stack.id = any(${uuidArray(stacks.map(({ id }) => id))}::uuid[])
      group by stack.id`.execute(this.em.fork().getKysely());
    const counts = new Map(rows.map(({ id, tokenCount }) => [id, tokenCount]));
    return stacks.flatMap((stack) => {
      const tokenCount = counts.get(stack.id);
      return tokenCount === undefined ? [] : [{ ...stack, tokenCount }];
    });
  }

  async page({ collectionId, direction, after, updatedSince, limit }: StackQuery): Promise<StackPage> {
    const order = direction === 'asc' ? sql`asc` : sql`desc`;
    const beyond = after === undefined ? sql`` : sql`and id ${direction === 'asc' ? sql`>` : sql`<`} ${after}::uuid`;
    const scanned = sql`
      select * from nft_metadata.stacks where collection_id = ${collectionId}::uuid ${beyond}
      order by id ${order} limit ${MAX_SCANNED}`;
    const since = updatedSince?.toISOString() ?? null;
    const stacks = await this.select(
      sql`select * from (${scanned}) as scanned where ${since}::timestamptz is null or updated_at >= ${since}::timestamptz`,
      { order, limit },
    );
    if (stacks.length === limit) return { stacks, next: stacks.at(-1)!.id };
    const { rows } = await sql<{ id: string }>`
      select id from (${scanned}) as scanned order by id ${order} offset ${MAX_SCANNED - 1}`.execute(
      this.em.fork().getKysely(),
    );
    return { stacks, next: rows[0]?.id ?? null };
  }

  /** Forgets tokens that have left their stack, and deletes stacks without tokens. Returns the number of those. */
  async deleteEmpty(): Promise<number> {
    const { rows: collections } = await sql<{ id: string }>`
      select collection_id as id from nft_metadata.stacks group by collection_id`.execute(this.em.fork().getKysely());
    let deleted = 0;
    for (const { id } of collections) {
      for (let after: string | undefined | null; after !== null;) {
        const batch = await this.deleteEmptyBatch(id, after);
        deleted += batch.deleted;
        after = batch.last;
      }
    }
    return deleted;
  }

  /** In one statement, so that all of a stack is of one moment. */
  private async select(
    stacks: RawBuilder<unknown>,
    { order = sql`asc`, limit }: { order?: RawBuilder<unknown>; limit?: number } = {},
  ): Promise<Stack[]> {
    type Row = TokenRow & { stackId: string; stackCreatedAt: Date | string; stackUpdatedAt: Date | string };
    const { rows } = await sql<Row>`
      select ${tokenRecordColumns}, stack.id as "stackId", stack.created_at as "stackCreatedAt",
        stack.updated_at as "stackUpdatedAt"
      from (${stacks}) as stack
      cross join lateral (
        select token.* from nft_metadata.stack_tokens as member
        join nft_metadata.tokens as token on token.id = member.id and token.content_hash = stack.content_hash
        where member.stack_id = stack.id
        limit 1
      ) as token
      ${recordTables}
      where collection.removed_at is null
      order by stack.id ${order}
      ${limit === undefined ? sql`` : sql`limit ${limit}`}`.execute(this.em.fork().getKysely());
    return rows.map(({ stackId, stackCreatedAt, stackUpdatedAt, ...row }) => ({
      id: stackId,
      createdAt: new Date(stackCreatedAt),
      updatedAt: new Date(stackUpdatedAt),
      token: toTokenRecord(row),
    }));
  }

  /** Under the lock of the collection's stacks, so that no token joins a stack that is being deleted. */
  private async deleteEmptyBatch(
    collectionId: string,
    after: string | undefined,
  ): Promise<{ deleted: number; last: string | null }> {
    return inTransaction(this.em, async (em) => {
      await this.writer.lock(em, collectionId);
      const { rows: page } = await sql<{ id: string }>`
        select id from nft_metadata.stacks
        where collection_id = ${collectionId}::uuid and (${after ?? null}::uuid is null or id > ${after ?? null}::uuid)
        order by id
        limit ${DELETE_BATCH_SIZE}`.execute(em.getKysely());
      const ids = uuidArray(page.map(({ id }) => id));
      await sql`
        delete from nft_metadata.stack_tokens as member
        using nft_metadata.stacks as stack
        where stack.id = any(${ids}::uuid[]) and member.stack_id = stack.id and not exists (
          select from nft_metadata.tokens as token
          where token.id = member.id and token.content_hash = stack.content_hash
        )`.execute(em.getKysely());
      const { numAffectedRows = 0n } = await sql`
        delete from nft_metadata.stacks as stack
        where id = any(${ids}::uuid[])
          and not exists (select from nft_metadata.stack_tokens as member where member.stack_id = stack.id)`.execute(
        em.getKysely(),
      );
      return { deleted: Number(numAffectedRows), last: page.length < DELETE_BATCH_SIZE ? null : page.at(-1)!.id };
    });
  }
}

/** The key of a token in the result of `Stacks.idsOf`. */
export function stackKey({ collectionId, tokenId }: TokenReference): string {
  return `${collectionId}/${tokenId}`;
}
