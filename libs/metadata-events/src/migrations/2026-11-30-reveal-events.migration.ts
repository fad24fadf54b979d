import { Migration } from '@mikro-orm/migrations';

/** Events of reveals. */
export class RevealEventsMigration extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    // Each has its type in itself. A process of the previous release writes and reads none.
    this.addSql(`alter table nft_metadata.event_outbox add column reveals json not null default '[]'`);
    this.createView(`
        union all
        select id, position, occurred_at, data->>'type',
          (json_array_length(changes) + json_array_length(completions) + json_array_length(collections) + ordinality - 1)::int,
          data
        from nft_metadata.event_outbox
        cross join lateral json_array_elements(reveals) with ordinality as reveal (data, ordinality)
        where position is not null`);
  }

  override down(): void {
    this.createView();
    this.addSql(
      `delete from nft_metadata.event_outbox where event_count = json_array_length(reveals) and event_count > 0`,
    );
    this.addSql(`
      update nft_metadata.event_outbox set event_count = event_count - json_array_length(reveals)
      where json_array_length(reveals) > 0`);
    this.addSql(`alter table nft_metadata.event_outbox drop column reveals`);
    this.addSql(`
      update nft_metadata.webhooks set event_types = array(
        select type from unnest(event_types) as type where type not like 'reveal.%'
      )`);
  }

  /** The view of the migration before, with further events. */
  private createView(moreEvents = ''): void {
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
        where position is not null${moreEvents}
      ) as event
      join nft_metadata.collections as collection on collection.id = (event.data->>'collectionId')::uuid`);
  }
}
