import { randomBytes } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** The secret that all processes sign sessions of the console with, unless the host application has given one. */
@Injectable()
export class ConsoleSecret {
  private known: Promise<Buffer> | undefined;

  constructor(private readonly em: EntityManager) {}

  /** Made once, by the first process that needs it. Read once in each process. */
  read(): Promise<Buffer> {
    this.known ??= this.findOrMake().catch((error: unknown) => {
      this.known = undefined;
      throw error;
    });
    return this.known;
  }

  private async findOrMake(): Promise<Buffer> {
    const connection = this.em.fork().getKysely();
    const find = sql<{ secret: Buffer }>`select secret from nft_metadata.console_secret`;
    const found = await find.execute(connection);
    if (found.rows[0]) return found.rows[0].secret;
    await sql`
      insert into nft_metadata.console_secret (secret) values (${randomBytes(32)}) on conflict do nothing`.execute(
      connection,
    );
    const { rows } = await find.execute(connection);
    return rows[0]!.secret;
  }
}
