import { Migration } from '@mikro-orm/migrations';

/** What the owner of a collection or its contract says of the collection itself. */
export class CollectionProfilesMigration extends Migration {
  override up(): void {
    // source: who said it last. raw: the document of the contract (ERC-7572), and warnings about it. standard and owner: what the
    // contract says, whatever was pushed. updated_at: when a value changed; synced_at: when it was written last.
    this.addSql(`
      create table nft_metadata.collection_profiles (
        collection_id uuid primary key references nft_metadata.collections (id) on delete cascade,
        name text,
        symbol text,
        description text,
        image text,
        banner_image text,
        featured_image text,
        external_link text,
        collaborators text[] not null default '{}',
        contract_uri text,
        base_uri text,
        standard text check (standard in ('erc721', 'erc1155')),
        owner text,
        source text not null default 'pushed' check (source in ('pushed', 'contract')),
        warnings text[] not null default '{}',
        raw json,
        updated_at timestamptz not null,
        synced_at timestamptz not null
      )`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.collection_profiles`);
  }
}
