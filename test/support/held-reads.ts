import { readingFrom } from '@app/database';
import { BoundedReads } from '@app/metadata-refresh';
import { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import type { TestApp } from './start-app.js';

/**
 * As many reads as a process runs at once, so that further ones are refused until the returned function is called. They are never idle:
 * the database ends transactions that are.
 */
export function holdReads({ app }: Pick<TestApp, 'app'>): () => Promise<void> {
  let isHeld = true;
  const read = async () => {
    while (isHeld) await sql`select pg_sleep(0.1)`.execute(readingFrom(app.get(EntityManager)).getKysely());
  };
  const reads = Promise.all(Array.from({ length: 4 }, () => app.get(BoundedReads).run(read)));
  return async () => {
    isHeld = false;
    await reads;
  };
}
