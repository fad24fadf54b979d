import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** Records which signatures were used, so that a request can require an unused one. */
@Injectable()
export class SignatureReplayStore {
  constructor(private readonly em: EntityManager) {}

  /**
   * Returns whether this is the first use, over all processes. Deletes signatures that have expired, with a margin of one
   * minute for clocks that differ.
   */
  async recordUse(address: string, timestampSeconds: number, windowSeconds: number): Promise<boolean> {
    const { rows } = await sql`
      with forgotten as (
        delete from nft_metadata.used_signatures
        where signed_at < now() - (2 * ${windowSeconds} + 60) * interval '1 second'
      )
      insert into nft_metadata.used_signatures (address, signed_at)
      values (${address}, to_timestamp(${timestampSeconds}))
      on conflict do nothing
      returning address`.execute(this.em.fork().getKysely());
    return rows.length === 1;
  }
}
