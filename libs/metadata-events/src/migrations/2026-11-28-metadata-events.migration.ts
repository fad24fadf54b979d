import { Migration } from '@mikro-orm/migrations';

/** The event outbox, the stream of published events, the cursors of its readers, and webhooks. */
export class MetadataEventsMigration extends Migration {
  override up(): void {
    // One row for each transaction that changed something. Ids are drawn before commits, and commits may happen in
    // another order: a row gets the position that readers go by when it is published, after its commit. A row has up to
    // 500 changes; as json, writing one costs less than half of what jsonb costs.
    this.addSql(`
      create table nft_metadata.event_outbox (
        id bigint generated always as identity primary key,
        position bigint unique,
        occurred_at timestamptz not null,
        changes json not null,
        completions json not null,
        event_count integer not null check (event_count > 0)
      )`);
    this.addSql(`create index event_outbox_unpublished on nft_metadata.event_outbox (id) where position is null`);

    // Exactly one row. A publisher locks it, so positions are assigned by one transaction after the other.
    this.addSql(`
      create table nft_metadata.event_stream (
        is_only boolean primary key default true check (is_only),
        last_position bigint not null
      )`);
    this.addSql(`insert into nft_metadata.event_stream (last_position) values (0)`);

    // The published events, one row each, in the order of (position, event_index).
    this.addSql(`
      create view nft_metadata.events as
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

    // The last event that each reader has received. Claimed like items: a claim moves due_at one lease ahead, and
    // claim_count is its fencing token.
    this.addSql(`
      create table nft_metadata.event_cursors (
        kind text not null check (kind in ('consumer', 'webhook')),
        name text not null,
        position bigint not null,
        event_index integer not null,
        due_at timestamptz not null default '-infinity',
        claim_count integer not null default 0,
        failures integer not null default 0,
        failing_since timestamptz,
        last_error text,
        primary key (kind, name)
      ) with (fillfactor = 50)`);

    this.addSql(`
      create table nft_metadata.webhooks (
        id uuid primary key,
        project_id text not null,
        url text not null,
        event_types text[] not null,
        created_at timestamptz not null,
        disabled_at timestamptz,
        disabled_reason text,
        check ((disabled_at is null) = (disabled_reason is null))
      )`);
    this.addSql(`create index webhooks_project on nft_metadata.webhooks (project_id, created_at)`);

    // While a secret is rotated, a webhook has several that are valid.
    this.addSql(`
      create table nft_metadata.webhook_secrets (
        id bigint generated always as identity primary key,
        webhook_id uuid not null references nft_metadata.webhooks (id) on delete cascade,
        secret text not null,
        created_at timestamptz not null,
        valid_until timestamptz not null default 'infinity'
      )`);
    this.addSql(`create index webhook_secrets_webhook on nft_metadata.webhook_secrets (webhook_id)`);

    this.addSql(`
      create table nft_metadata.webhook_deliveries (
        id bigint generated always as identity primary key,
        webhook_id uuid not null references nft_metadata.webhooks (id) on delete cascade,
        message_id text not null,
        event_type text not null,
        events integer not null,
        attempt integer not null check (attempt > 0),
        status_code integer,
        reason text,
        duration_ms integer not null,
        attempted_at timestamptz not null
      )`);
    this.addSql(`create index webhook_deliveries_page on nft_metadata.webhook_deliveries (webhook_id, id desc)`);
  }

  override down(): void {
    this.addSql(`drop table nft_metadata.webhook_deliveries, nft_metadata.webhook_secrets, nft_metadata.webhooks`);
    this.addSql(`drop view nft_metadata.events`);
    this.addSql(`drop table nft_metadata.event_cursors, nft_metadata.event_stream, nft_metadata.event_outbox`);
  }
}
