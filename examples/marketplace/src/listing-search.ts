import { defineEntity, p } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { MetadataEvents, type TokenMetadataChanged } from 'nestjs-nft-refresh/metadata-events';
import { TokenStore } from 'nestjs-nft-refresh/token-store';

const SearchRowSchema = defineEntity({
  name: 'SearchRow',
  tableName: 'search_rows',
  properties: {
    address: p.text().primary(),
    tokenId: p.text().primary(),
    name: p.text().nullable(),
    version: p.integer(),
  },
});
/** The searchable fields of a token. */
export class SearchRow extends SearchRowSchema.class {}
SearchRowSchema.setClass(SearchRow);

class SearchRowsMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table search_rows (
        address text not null, token_id text not null, name text, version integer not null,
        primary key (address, token_id)
      )`);
  }
}
export const searchMigrations = [{ name: 'shop-2026-11-21-search', class: SearchRowsMigration }];

/** The shop's search index. It is updated by metadata events. */
@Injectable()
export class ListingSearch {
  constructor(
    private readonly em: EntityManager,
    private readonly tokens: TokenStore,
    events: MetadataEvents,
  ) {
    events.on('token.metadata.changed', 'listing-search', (changes) => this.update(changes));
  }

  async find(address: string, name: string): Promise<SearchRow[]> {
    return this.em.fork().find(SearchRow, { address, name: { $ilike: `%${name}%` } }, { orderBy: { tokenId: 'asc' } });
  }

  /** Idempotent: indexes the current record, so that an event may be delivered twice. */
  private async update(changes: readonly TokenMetadataChanged[]): Promise<void> {
    const records = await this.tokens.findTokens(changes);
    await this.em.fork().upsertMany(
      SearchRow,
      records.map(({ collectionAddress, tokenId, name, metadataVersion }) => ({
        address: collectionAddress,
        tokenId,
        name,
        version: metadataVersion,
      })),
    );
  }
}
