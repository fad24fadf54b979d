import { textArray, uuidArray } from '@app/database';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** A token whose record was written with pushed metadata. */
export interface StackedToken {
  tokenId: string;
  contentHash: string;
  /** The id of a new stack, if no stack of the collection has this content. */
  newStackId: string;
}

/** A stack that gets other content. */
export interface StackContent {
  id: string;
  contentHash: string;
}

/** Puts tokens into stacks, and changes the content of stacks, in the transaction that writes the records. */
@Injectable()
export class StackWriter {
  /**
   * Keeps the tokens of a collection's stacks as they are until the end of the transaction, except that tokens whose records are not
   * locked may leave. Take it after the locks on records.
   */
  async lock(em: EntityManager, collectionId: string): Promise<void> {
    await sql`
      select pg_advisory_xact_lock(hashtextextended('nft_metadata.stacks ' || ${collectionId}::text, 0))`.execute(
      em.getKysely(),
    );
  }

  /**
   * After the records are written: a token goes to the oldest stack with its content, or to a new one. One that is in a stack with its
   * content stays there. Tokens whose records are in a host's own store are left out.
   */
  async assign(em: EntityManager, collectionId: string, tokens: readonly StackedToken[]): Promise<void> {
    await this.lock(em, collectionId);
    const tokenIds = textArray(tokens.map(({ tokenId }) => tokenId));
    const contentHashes = textArray(tokens.map(({ contentHash }) => contentHash));
    await sql`
      with moved as materialized (
        select token.id, row.content_hash, row.new_stack_id
        from unnest(
          ${tokenIds}::text[]::numeric[], ${contentHashes}::text[],
          ${uuidArray(tokens.map(({ newStackId }) => newStackId))}::uuid[]
        ) as row (token_id, content_hash, new_stack_id)
        join nft_metadata.tokens as token using (token_id)
        -- By the key, also with statistics from before a large registration.
        where token.collection_id = ${collectionId}::uuid and token.token_id = any(${tokenIds}::text[]::numeric[])
          and not exists (
          select from nft_metadata.stack_tokens as member
          join nft_metadata.stacks as stack on stack.id = member.stack_id
          where member.id = token.id and stack.content_hash = row.content_hash
        )
      ), known as materialized (
        select distinct on (content_hash) content_hash, id from nft_metadata.stacks
        where collection_id = ${collectionId}::uuid and content_hash = any(${contentHashes}::text[])
        order by content_hash, created_at, id
      ), added as (
        insert into nft_metadata.stacks (id, collection_id, content_hash, created_at, updated_at)
        select distinct on (content_hash) new_stack_id, ${collectionId}::uuid, content_hash, now(), now() from moved
        where content_hash <> all(array(select content_hash from known))
        order by content_hash, new_stack_id
        returning content_hash, id
      )
      insert into nft_metadata.stack_tokens (id, stack_id)
      select moved.id, stack.id
      from moved join (select * from known union all select * from added) as stack using (content_hash)
      on conflict (id) do update set stack_id = excluded.stack_id`.execute(em.getKysely());
  }

  /** The ids of the tokens in these stacks of a collection, in no particular order. A stack without tokens is left out. */
  async findTokens(
    em: EntityManager,
    collectionId: string,
    stackIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const { rows } = await sql<{ stackId: string; tokenIds: string[] }>`
      select stack.id as "stackId", array_agg(token.token_id::text order by token.token_id) as "tokenIds"
      from nft_metadata.stacks as stack
      join nft_metadata.stack_tokens as member on member.stack_id = stack.id
      join nft_metadata.tokens as token on token.id = member.id and token.content_hash = stack.content_hash
      where stack.collection_id = ${collectionId}::uuid and stack.id = any(${uuidArray(stackIds)}::uuid[])
      group by stack.id`.execute(em.getKysely());
    return new Map(rows.map(({ stackId, tokenIds }) => [stackId, tokenIds]));
  }

  /** After the records of all their tokens are written, under `lock`. */
  async changeContent(em: EntityManager, stacks: readonly StackContent[]): Promise<void> {
    await sql`
      update nft_metadata.stacks as stack set content_hash = row.content_hash, updated_at = now()
      from unnest(
        ${uuidArray(stacks.map(({ id }) => id))}::uuid[], ${textArray(stacks.map(({ contentHash }) => contentHash))}::text[]
      ) as row (id, content_hash)
      where stack.id = row.id and stack.content_hash <> row.content_hash`.execute(em.getKysely());
  }
}
