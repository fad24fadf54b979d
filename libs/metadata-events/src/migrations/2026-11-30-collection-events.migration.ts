import { Migration } from '@mikro-orm/migrations';

/** Events about records of collections. */
export class CollectionEventsMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`alter table nft_metadata.event_outbox add column collections json not null default '[]'`);
    this.addSql(`
      create or replace view nft_metadata.events as
      select event.position, event.event_index, event.outbox_id || '-' || event.event_index as event_id,
        event.event_type, event.occurred_at, collection.project_id, collection.id as collection_id, collection.chain_id,
        collection.address as collection_address, event.data
      from (
        select id as outbox_id, position, occurred_at, 'token.metadata.changed' as event_type,
          (ordinality - 1)::int as event_index, data
        from nft_metadata.event_outbox
        cross join lateral json_array_elements(changes) with ordinality as change (data, ordinality)
        where position is not null
        union all
        select id, position, occurred_at, 'refresh.completed',
          (json_array_length(changes) + ordinality - 1)::int, data
        from nft_metadata.event_outbox
        cross join lateral json_array_elements(completions) with ordinality as completion (data, ordinality)
        where position is not null
        union all
        select id, position, occurred_at, 'collection.metadata.changed',
          (json_array_length(changes) + json_array_length(completions) + ordinality - 1)::int, data
        from nft_metadata.event_outbox
        cross join lateral json_array_elements(collections) with ordinality as collection (data, ordinality)
        where position is not null
      ) as event
      join nft_metadata.collections as collection on collection.id = (event.data->>'collectionId')::uuid`);
  }

  override down(): void {
    this.addSql(`
      create or replace view nft_metadata.events as
      select event.position, event.event_index, event.outbox_id || '-' || event.event_index as event_id,
        event.event_type, event.occurred_at, collection.project_id, collection.id as collection_id, collection.chain_id,
        collection.address as collection_address, event.data
      from (
        select id as outbox_id, position, occurred_at, 'token.metadata.changed' as event_type,
          (ordinality - 1)::int as event_index, data
        from nft_metadata.event_outbox
        cross join lateral json_array_elements(changes) with ordinality as change (data, ordinality)
        where position is not null
        union all
        select id, position, occurred_at, 'refresh.completed',
          (json_array_length(changes) + ordinality - 1)::int, data
        from nft_metadata.event_outbox
        cross join lateral json_array_elements(completions) with ordinality as completion (data, ordinality)
        where position is not null
      ) as event
      join nft_metadata.collections as collection on collection.id = (event.data->>'collectionId')::uuid`);
    this.addSql(
      `delete from nft_metadata.event_outbox where event_count = json_array_length(collections) and event_count > 0`,
    );
    this.addSql(`
      update nft_metadata.event_outbox set event_count = event_count - json_array_length(collections)
      where json_array_length(collections) > 0`);
    this.addSql(`alter table nft_metadata.event_outbox drop column collections`);
    this.addSql(`
      update nft_metadata.webhooks set event_types = array_remove(event_types, 'collection.metadata.changed')`);
  }
}
