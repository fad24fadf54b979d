import { Client } from 'pg';
import type { TestDatabase } from './database.js';

/** Until it is released or disposed, a claim that takes this token waits before its commit. */
export async function holdClaims({ url }: Pick<TestDatabase, 'url'>, tokenId: string) {
  const client = new Client(url);
  await client.connect();
  await client.query('select pg_advisory_lock(1)');
  await client.query(`
    create function hold_claim() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(1);
      return new;
    end $$`);
  await client.query(`
    create trigger hold_claim before insert or update of claim_count on nft_metadata.refresh_chunks
    for each row when (new.is_claimed and ${tokenId} = any(new.token_ids)) execute function hold_claim()`);
  const release = async () => void (await client.query('select pg_advisory_unlock_all()'));
  return {
    async isOneWaiting() {
      const { rows } = await client.query(`select from pg_locks where locktype = 'advisory' and not granted`);
      return rows.length > 0;
    },
    release,
    async [Symbol.asyncDispose]() {
      await release();
      await client.query('drop trigger hold_claim on nft_metadata.refresh_chunks');
      await client.query('drop function hold_claim');
      await client.end();
    },
  };
}
