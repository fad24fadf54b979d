import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { DeletedVersions, VersionLimits } from './version-store.js';

/** Versions that one statement looks at. It deletes some of them. */
const PAGE_SIZE = 5000;
/** Statements of one call: with an hourly call, two million tokens that have one version each are read in an hour. */
const MAX_PAGES = 400;

/**
 * Deletes documents and rows of old versions. Nothing marks a version as old, because that would cost each change a write: a walk reads
 * the key of `token_versions` page by page, and finds what is beyond the newest versions of its token. `version_retention` has its
 * position, which moves in the statement that deletes. So calls and processes continue where another one ended, one at a time.
 */
@Injectable()
export class VersionRetention {
  constructor(private readonly em: EntityManager) {}

  /** Ends with the table, or after two million versions. Another process at work: deletes nothing. Throws database errors. */
  async deleteExpired(limits: VersionLimits): Promise<DeletedVersions> {
    const deleted = { documents: 0, versions: 0 };
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const { documents, versions, isLast } = await this.deletePage(limits);
      deleted.documents += documents;
      deleted.versions += versions;
      if (isLast) break;
    }
    return deleted;
  }

  /**
   * The row of a version has the document of the one before: that of the oldest version which keeps its document has one that does not.
   * Rows that another transaction has locked, because it removes their token, are skipped.
   */
  private async deletePage({ keep, citedSince }: VersionLimits): Promise<DeletedVersions & { isLast: boolean }> {
    const kept = Math.max(keep, 1);
    const { rows } = await sql<DeletedVersions & { isLast: boolean }>`
      with position as materialized (
        select last_id, last_version from nft_metadata.version_retention for update skip locked
      ), page as materialized (
        select version.id, version.version
        from position cross join lateral (
          select id, version from nft_metadata.token_versions
          where (id, version) > (position.last_id, position.last_version)
          order by id, version
          limit ${PAGE_SIZE}
        ) as version
      ), last as materialized (
        -- Its token may have further versions after the page.
        select id, version,
          (select max(version) from nft_metadata.token_versions as other where other.id = page.id) as newest
        from page order by id desc, version desc limit 1
      ), numbered as (
        select page.id, page.version,
          case when page.id = last.id then last.newest else max(page.version) over (partition by page.id) end as newest
        from page cross join last
      ), old as materialized (
        select row.ctid, row.has_document,
          numbered.version <= numbered.newest - ${kept}::int
            and row.created_at < ${citedSince.toISOString()}::timestamptz as is_expired
        from numbered cross join lateral (
          select ctid, created_at, replaced_raw is not null as has_document from nft_metadata.token_versions
          where id = numbered.id and version = numbered.version
          offset 0
        ) as row
        where numbered.version <= numbered.newest - ${kept}::int + 1
      ), locked as materialized (
        select ctid from nft_metadata.token_versions
        where ctid = any(array(select ctid from old where is_expired or has_document))
        for update skip locked
      ), deleted as (
        delete from nft_metadata.token_versions
        where ctid = any(array(select ctid from locked join old using (ctid) where is_expired))
        returning id
      ), cleared as (
        update nft_metadata.token_versions set replaced_raw = null
        where ctid = any(array(select ctid from locked join old using (ctid) where not is_expired))
        returning id
      ), moved as (
        update nft_metadata.version_retention
        set last_id = coalesce(next.id, 0), last_version = coalesce(next.version, 0)
        from (select) as always
        left join last as next on (select count(*) from page) = ${PAGE_SIZE}
        where exists (select from position)
      )
      select (select count(*)::int from cleared) as documents, (select count(*)::int from deleted) as versions,
        (select count(*) from page) < ${PAGE_SIZE} as "isLast"`.execute(this.em.fork().getKysely());
    return rows[0]!;
  }
}
