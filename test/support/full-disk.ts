import type { TestDatabase } from './database.js';

/** Simulates a full disk: while it is full, every write fails with PostgreSQL's `disk_full`. */
export class FullDisk {
  private constructor(private readonly database: TestDatabase) {}

  /** Installs the triggers. The disk has space until `fill`. */
  static async prepare(database: TestDatabase): Promise<FullDisk> {
    await database.query(`
      create schema test_disk;
      create table test_disk.disk (is_full boolean not null);
      insert into test_disk.disk values (false);
      create function test_disk.refuse() returns trigger language plpgsql as $$
        begin
          if (select is_full from test_disk.disk) then
            raise 'could not extend file: No space left on device' using errcode = 'disk_full';
          end if;
          return null;
        end
      $$;
      do $$
        declare name text;
        begin
          for name in select relname from pg_class where relnamespace = 'nft_metadata'::regnamespace and relkind = 'r' loop
            execute format('create trigger disk before insert or update or delete on nft_metadata.%I
              for each statement execute function test_disk.refuse()', name);
          end loop;
        end
      $$`);
    return new FullDisk(database);
  }

  async fill(): Promise<void> {
    await this.database.query('update test_disk.disk set is_full = true');
  }

  async empty(): Promise<void> {
    await this.database.query('update test_disk.disk set is_full = false');
  }
}
