import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';

/** What a person did on the console, or tried to do. */
export interface ConsoleAction {
  who: string;
  /** The project whose things it is about; null: it is about none. */
  projectId: string | null;
  /** Such as `refresh.cancel`. */
  action: string;
  /** Such as the id of a refresh. */
  target: string;
  /** `done`, or why it was refused. */
  outcome: string;
}

/** An action as it was logged. */
export interface LoggedAction extends ConsoleAction {
  /** Increases with time. */
  id: string;
  at: Date;
}

const RETENTION_DAYS = 90;
/** Expired rows that one action deletes, so that the table does not grow for ever. */
const DELETE_BATCH_SIZE = 100;

/** The log of what people did on the console. */
@Injectable()
export class ConsoleActions {
  constructor(private readonly em: EntityManager) {}

  async add({ who, projectId, action, target, outcome }: ConsoleAction): Promise<void> {
    await sql`
      with expired as (
        delete from nft_metadata.console_actions where id = any(array(
          select id from (
            select id, acted_at from nft_metadata.console_actions order by id limit ${DELETE_BATCH_SIZE} for update skip locked
          ) as oldest
          where acted_at < now() - ${RETENTION_DAYS} * interval '1 day'
        ))
      )
      insert into nft_metadata.console_actions (acted_at, who, project_id, action, target, outcome)
      values (now(), ${who}, ${projectId}, ${action}, ${target}, ${outcome})`.execute(this.em.fork().getKysely());
  }

  /** Newest first; `limit` 1–1,000. */
  async list(limit: number): Promise<LoggedAction[]> {
    const { rows } = await sql<LoggedAction & { at: Date | string }>`
      select id::text as id, acted_at as at, who, project_id as "projectId", action, target, outcome
      from nft_metadata.console_actions as entry
      order by entry.id desc
      limit ${Math.min(Math.max(limit, 1), 1000)}`.execute(readingFrom(this.em).getKysely());
    return rows.map((row) => ({ ...row, at: new Date(row.at) }));
  }
}
