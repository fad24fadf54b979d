import { EntityManager } from '@mikro-orm/postgresql';
import { bigintArray, textArray } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { ChainEventEffect, ChainEventKind, IdRange } from '../log/chain-event.js';
import { keyOf, type LogPosition } from '../log/chain-log.js';

/** A log with what it asks for. */
export interface LoggedEvent extends LogPosition {
  kind: ChainEventKind | 'undecodable';
  effect: ChainEventEffect | 'undecodable';
  tokens: readonly IdRange[];
}

interface LogRow extends Omit<LoggedEvent, 'blockNumber' | 'logIndex' | 'tokens'> {
  blockNumber: string;
  logIndex: string;
  fromIds: string[];
  toIds: string[];
}

/** The logs of the last blocks of each chain. */
@Injectable()
export class ChainLogs {
  constructor(private readonly em: EntityManager) {}

  /** By key, of the blocks from this one on. */
  async load(chainId: number, fromBlock: number): Promise<Map<string, LoggedEvent>> {
    const { rows } = await sql<LogRow>`
      select address, block_number::text as "blockNumber", '0x' || encode(block_hash, 'hex') as "blockHash",
        '0x' || encode(transaction_hash, 'hex') as "transactionHash", log_index::text as "logIndex", kind, effect,
        from_ids::text[] as "fromIds", to_ids::text[] as "toIds"
      from nft_metadata.chain_logs
      where chain_id = ${chainId}::bigint and block_number >= ${fromBlock}::bigint`.execute(this.em.fork().getKysely());
    return new Map(
      rows.map(({ fromIds, toIds, ...row }) => {
        const tokens = fromIds.map((from, index) => ({ from: BigInt(from), to: BigInt(toIds[index]!) }));
        const log = { ...row, blockNumber: Number(row.blockNumber), logIndex: Number(row.logIndex), tokens };
        return [keyOf(log), log];
      }),
    );
  }

  /** Adds and deletes logs, and deletes those before this block. */
  async replace(
    em: EntityManager,
    chainId: number,
    {
      added,
      vanished,
      firstBlock,
    }: { added: readonly LoggedEvent[]; vanished: readonly LoggedEvent[]; firstBlock: number },
  ): Promise<void> {
    const kysely = em.getKysely();
    if (vanished.length > 0) {
      await sql`
        delete from nft_metadata.chain_logs as log
        using unnest(
          ${bigintArray(vanished.map(({ blockNumber }) => blockNumber))}::bigint[],
          ${textArray(vanished.map(({ blockHash }) => blockHash))}::text[],
          ${bigintArray(vanished.map(({ logIndex }) => logIndex))}::bigint[]
        ) as gone (block_number, block_hash, log_index)
        where log.chain_id = ${chainId}::bigint and log.block_number = gone.block_number
          and log.block_hash = decode(substr(gone.block_hash, 3), 'hex') and log.log_index = gone.log_index`.execute(
        kysely,
      );
    }
    await sql`
      delete from nft_metadata.chain_logs
      where chain_id = ${chainId}::bigint and block_number < ${firstBlock}::bigint`.execute(kysely);
    if (added.length === 0) return;
    await sql`
      insert into nft_metadata.chain_logs
        (chain_id, block_number, block_hash, log_index, address, transaction_hash, kind, effect, from_ids, to_ids)
      select ${chainId}::bigint, block_number, decode(substr(block_hash, 3), 'hex'), log_index, address,
        decode(substr(transaction_hash, 3), 'hex'), kind, effect, from_ids::numeric[], to_ids::numeric[]
      from unnest(
        ${bigintArray(added.map(({ blockNumber }) => blockNumber))}::bigint[],
        ${textArray(added.map(({ blockHash }) => blockHash))}::text[],
        ${bigintArray(added.map(({ logIndex }) => logIndex))}::bigint[],
        ${textArray(added.map(({ address }) => address))}::text[],
        ${textArray(added.map(({ transactionHash }) => transactionHash))}::text[],
        ${textArray(added.map(({ kind }) => kind))}::text[],
        ${textArray(added.map(({ effect }) => effect))}::text[],
        ${textArray(added.map(({ tokens }) => arrayOf(tokens.map(({ from }) => from))))}::text[],
        ${textArray(added.map(({ tokens }) => arrayOf(tokens.map(({ to }) => to))))}::text[]
      ) as log (block_number, block_hash, log_index, address, transaction_hash, kind, effect, from_ids, to_ids)
      on conflict do nothing`.execute(kysely);
  }
}

/** As PostgreSQL reads an array of numbers. */
function arrayOf(values: readonly bigint[]): string {
  return `{${values.join(',')}}`;
}
