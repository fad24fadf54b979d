import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** Remembers signatures, for the mode in which each is good for one request. */
@Injectable()
export class SignatureReplayStore {
  constructor(private readonly em: EntityManager) {}

  /**
   * True for the first caller, of any process. What has left the window could not be used again anyway, by any process
   * whose clock is not hopelessly wrong, and is forgotten on the way.
   */
  async use(address: string, timestampSeconds: number, windowSeconds: number): Promise<boolean> {
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
