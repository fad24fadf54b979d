import { Client } from 'pg';
import type { TestDatabase } from './database.js';
import { lockWaits } from './lock-waits.js';

/** Until it is released or disposed, a claim that takes this token waits before its commit. */
export async function holdClaims(database: Pick<TestDatabase, 'url' | 'query'>, tokenId: string) {
  return hold(database, {
    table: 'nft_metadata.refresh_chunks',
    when: 'before insert or update of claim_count',
    each: `row when (new.is_claimed and ${tokenId} = any(new.token_ids))`,
  });
}

/** Until it is released or disposed, nothing that waits for an event on chain is deleted while anything of it is claimed. */
export async function holdEventDeletions(database: Pick<TestDatabase, 'url' | 'query'>) {
  return hold(database, {
    table: 'nft_metadata.event_tokens',
    when: 'before delete',
    each: 'statement',
    condition: 'exists (select from nft_metadata.event_tokens where claimed_at is not null)',
  });
}

/** Until it is released or disposed, events that get their positions are not committed. */
export async function holdPublications(database: Pick<TestDatabase, 'url' | 'query'>) {
  return hold(database, { table: 'nft_metadata.event_stream', when: 'before update', each: 'row' });
}

/** Until it is released or disposed, what an event reader has come to is not written: neither that it has all events, nor a failure. */
export async function holdEndsOfDeliveries(database: Pick<TestDatabase, 'url' | 'query'>) {
  return hold(database, {
    table: 'nft_metadata.event_cursors',
    when: 'before update',
    each: 'row when (new.due_at <= now() or new.failures > old.failures)',
  });
}

async function hold(
  database: Pick<TestDatabase, 'url' | 'query'>,
  { table, when, each, condition = 'true' }: { table: string; when: string; each: string; condition?: string },
) {
  const client = new Client(database.url);
  await client.connect();
  await client.query('select pg_advisory_lock(1)');
  await client.query(`
    create function hold() returns trigger language plpgsql as $$
    begin
      if ${condition} then perform pg_advisory_xact_lock_shared(1); end if;
      return new;
    end $$`);
  await client.query(`create trigger hold ${when} on ${table} for each ${each} execute function hold()`);
  const release = async () => void (await client.query('select pg_advisory_unlock_all()'));
  return {
    async isOneWaiting() {
      return (await lockWaits(database, { kinds: ['advisory'] })).length > 0;
    },
    release,
    async [Symbol.asyncDispose]() {
      await release();
      await client.query(`drop trigger hold on ${table}`);
      await client.query('drop function hold');
      await client.end();
    },
  };
}
