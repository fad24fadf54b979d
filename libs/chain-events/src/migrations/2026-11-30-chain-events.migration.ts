import { Migration } from '@mikro-orm/migrations';

/** What is read of chains, which collections are watched, and the events whose tokens wait for their refresh. */
export class ChainEventsMigration extends Migration {
  override up(): void {
    // One row for each chain. lease_owner: the process that reads the chain, and the fence of what it writes. next_block: the first
    // block that was not read; null: it begins at the newest one. span and span_limit: blocks of one call, and what the provider
    // allows.
    this.addSql(`
      create table nft_metadata.chain_cursors (
        chain_id bigint primary key check (chain_id > 0),
        lease_owner uuid,
        lease_until timestamptz not null default '-infinity',
        next_block bigint check (next_block >= 0),
        span integer check (span > 0),
        span_limit integer check (span_limit > 0),
        span_limited_at timestamptz,
        head_block bigint,
        read_at timestamptz,
        failing_since timestamptz,
        last_error text,
        check ((failing_since is null) = (last_error is null))
      ) with (fillfactor = 50)`);

    // The logs of the last blocks, to tell which ones are new and which ones have vanished. from_ids and to_ids: the ranges of
    // tokens that a log names. undecodable: a log whose arguments are not those of its event.
    this.addSql(`
      create table nft_metadata.chain_logs (
        chain_id bigint not null,
        block_number bigint not null,
        block_hash bytea not null,
        log_index bigint not null,
        address text not null,
        transaction_hash bytea not null,
        kind text not null,
        effect text not null check (effect in ('refresh', 'mint', 'burn', 'contract', 'owner', 'undecodable')),
        from_ids numeric(78, 0)[] not null,
        to_ids numeric(78, 0)[] not null,
        primary key (chain_id, block_number, block_hash, log_index),
        check (cardinality(from_ids) = cardinality(to_ids))
      )`);

    // What a collection wants of its chain. since_block: the newest block when it was first watched; earlier events are not
    // read. selection_requested_at, selection_refresh_id: its last refresh of many tokens. hour_started_at, hour_tokens and
    // hour_selected: what events have refreshed in this hour, as single tokens and in refreshes of many tokens.
    // refresh_every_seconds: how often its tokens are refreshed by age. round_after and round_step_at: how far the round over them is.
    this.addSql(`
      create table nft_metadata.watched_collections (
        collection_id uuid primary key references nft_metadata.collections (id) on delete cascade,
        events boolean not null default false,
        discover text not null default 'none' check (discover in ('none', 'mints')),
        contract_refreshes_tokens boolean not null default false,
        refresh_every_seconds integer check (refresh_every_seconds between 3600 and 7776000),
        round_after numeric(78, 0),
        round_step_at timestamptz,
        since_block bigint,
        selection_requested_at timestamptz,
        selection_refresh_id uuid,
        hour_started_at timestamptz,
        hour_tokens integer not null default 0 check (hour_tokens >= 0),
        hour_selected integer not null default 0 check (hour_selected >= 0)
      ) with (fillfactor = 50)`);

    // Collections whose past mints are registered: how far, in blocks, and with which span, as in chain_cursors. until_block: the
    // last block, after which mints are watched. lease_until: a process works on it, and the fence of what it writes.
    this.addSql(`
      create table nft_metadata.chain_backfills (
        collection_id uuid primary key references nft_metadata.collections (id) on delete cascade,
        from_block bigint not null check (from_block >= 0),
        next_block bigint not null check (next_block >= from_block),
        until_block bigint,
        span integer check (span > 0),
        span_limit integer check (span_limit > 0),
        tokens bigint not null default 0,
        lease_until timestamptz not null default '-infinity',
        due_at timestamptz not null default '-infinity',
        finished_at timestamptz,
        last_error text
      ) with (fillfactor = 70)`);

    // Tokens of events. due_at: when to refresh the token; null: the row only keeps requested_at, its last refresh for an event, until
    // the next one may follow. claimed_at: a process is requesting it. The event is the newest one. young_until: a mint whose document may be missing until then.
    this.addSql(`
      create table nft_metadata.event_tokens (
        collection_id uuid not null references nft_metadata.collections (id) on delete cascade,
        token_id numeric(78, 0) not null check (token_id >= 0 and token_id < 2::numeric ^ 256),
        due_at timestamptz,
        claimed_at timestamptz,
        requested_at timestamptz,
        event_at timestamptz not null,
        kind text not null,
        transaction_hash bytea,
        block_number bigint not null,
        log_index bigint,
        young_until timestamptz,
        tries integer not null default 0,
        primary key (collection_id, token_id),
        check ((transaction_hash is null) = (log_index is null))
      ) with (fillfactor = 70)`);
    this.addSql(`
      create index event_tokens_due on nft_metadata.event_tokens (collection_id, due_at, token_id) where due_at is not null`);
    this.addSql(`
      create index event_tokens_requested on nft_metadata.event_tokens (requested_at) where due_at is null`);

    // Ranges of tokens, whole collections among them.
    this.addSql(`
      create table nft_metadata.event_ranges (
        collection_id uuid not null references nft_metadata.collections (id) on delete cascade,
        from_id numeric(78, 0) not null check (from_id >= 0),
        to_id numeric(78, 0) not null check (to_id < 2::numeric ^ 256),
        due_at timestamptz not null,
        claimed_at timestamptz,
        event_at timestamptz not null,
        kind text not null,
        transaction_hash bytea,
        block_number bigint not null,
        log_index bigint,
        primary key (collection_id, from_id, to_id),
        check (from_id <= to_id),
        check ((transaction_hash is null) = (log_index is null))
      ) with (fillfactor = 70)`);
  }

  override down(): void {
    this.addSql(`
      drop table nft_metadata.chain_backfills, nft_metadata.event_ranges, nft_metadata.event_tokens, nft_metadata.watched_collections,
        nft_metadata.chain_logs, nft_metadata.chain_cursors`);
  }
}
