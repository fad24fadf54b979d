import type { MetadataHost } from './metadata-host.js';
import { ReconnectingClient, type TestDatabase } from './database.js';

/** A refresh that was accepted with a 202. */
export interface AcceptedRefresh {
  refreshId: string;
  tokenIds: readonly string[];
}

/** An invariant of the database, and a query for the rows that violate it. */
interface Invariant {
  description: string;
  /** Returns the violating rows in one text column, `detail`. */
  sql: string;
}

/** Hold in every snapshot. */
const ALWAYS: readonly Invariant[] = [
  {
    description: 'the counters of a refresh match the states of its items',
    sql: `select refresh.id || ': ' || row_to_json(refresh) || ' with items ' || row_to_json(item) as detail
      from (select id, total, succeeded, failed from nft_metadata.refreshes) as refresh
      join (
        select refresh_id as id, count(*) as total, count(*) filter (where status = 'succeeded') as succeeded,
          count(*) filter (where status = 'failed') as failed
        from nft_metadata.refresh_items group by refresh_id
      ) as item using (id)
      where (refresh.total, refresh.succeeded, refresh.failed) <> (item.total, item.succeeded, item.failed)`,
  },
  {
    description: 'no refresh is completed while one of its items is pending',
    sql: `select refresh.id::text as detail
      from nft_metadata.refreshes as refresh
      where completed_at is not null
        and exists (select from nft_metadata.refresh_items where refresh_id = refresh.id and status = 'pending')`,
  },
  {
    description: 'a failed item has exactly one error, and any other item has none',
    sql: `select item.id || ' ' || item.status || ' with ' || count(error) || ' errors' as detail
      from nft_metadata.refresh_items as item
      left join nft_metadata.refresh_errors as error on error.item_id = item.id
      group by item.id
      having count(error) <> (item.status = 'failed')::int`,
  },
];

interface Violation {
  description: string;
  detail: string;
}

/** All of them in one statement, because it runs ten times a second. */
const SNAPSHOT = ALWAYS.map(
  ({ description, sql }) => `(select '${description}' as description, detail from (${sql}) as violation limit 5)`,
).join('\nunion all\n');

/** Hold when no work is pending. */
const WHEN_IDLE: readonly Invariant[] = [
  {
    description: 'no item is pending',
    sql: `select id || ' of token ' || token_id || ', claims ' || claim_count || ', due ' || due_at as detail
      from nft_metadata.refresh_items where status = 'pending'`,
  },
  {
    description: 'every refresh is completed after its creation',
    sql: `select row_to_json(refresh)::text as detail from nft_metadata.refreshes as refresh
      where completed_at is null or completed_at < created_at`,
  },
  {
    description: 'an item becomes final once and does not change afterwards',
    sql: `select 'item ' || row_id || ': ' || string_agg(before || ' to ' || after, ', ' order by id) as detail
      from (${committed('refresh_items', 'status')}) as change
      where before <> after
      group by row_id
      having count(*) > 1 or bool_or(before <> 'pending')`,
  },
  {
    description: 'the claim count of an item never decreases',
    sql: `select 'item ' || row_id || ': from ' || before || ' to ' || after as detail
      from (${committed('refresh_items', 'claim_count')}) as change where before::int > after::int`,
  },
  {
    description: 'a completed refresh stays completed',
    sql: `select 'refresh ' || row_id as detail
      from (${committed('refreshes', 'completed_at')}) as change where before is not null and after is distinct from before`,
  },
  {
    description: 'the metadata version of a record never decreases',
    sql: `select 'record ' || row_id || ': from ' || before || ' to ' || after as detail
      from (${committed('tokens', 'metadata_version')}) as change where before::int > after::int`,
  },
  {
    description: 'the result of an earlier fetch never replaces that of a later one',
    sql: `select 'record ' || row_id || ': from ' || before || ' to ' || after as detail
      from (${committed('tokens', 'fetch_seq')}) as change where before::bigint > after::bigint`,
  },
  {
    description: 'a failure changes only the failure fields of a record',
    sql: `select 'record ' || row_id as detail from test_monitor.changes
      where table_name = 'tokens' and after->>'document' <> before->>'document'
        and (after->>'metadata_status' <> 'ok' or (after->>'fail_count')::int > (before->>'fail_count')::int)
      union all
      select 'document ' || document.row_id from test_monitor.changes as document
      where document.table_name = 'token_documents' and document.after is not null and not exists (
        select from test_monitor.changes as token
        where token.table_name = 'tokens' and token.row_id = document.row_id and token.transaction = document.transaction
          and (token.after->>'metadata_version')::int > (token.before->>'metadata_version')::int
      )`,
  },
  {
    description: 'the token counts of traits match the records',
    sql: `select trait.trait_type || '=' || trait.value || ': ' || trait.token_count || ' for ' || count(token) as detail
      from nft_metadata.collection_traits as trait
      left join nft_metadata.token_search as token on token.collection_id = trait.collection_id and trait.id = any(token.trait_ids)
      group by trait.id
      having trait.token_count <> count(token)`,
  },
  {
    description: 'the search index matches the token records',
    sql: `select 'token ' || token.token_id as detail
        from nft_metadata.tokens as token
        left join nft_metadata.token_documents as document on document.id = token.id
        left join nft_metadata.token_search as search
          on search.collection_id = token.collection_id and search.token_id = token.token_id
        cross join lateral (
          select array(
            select distinct trait.id
            from json_array_elements(document.attributes) as attribute
            join nft_metadata.collection_traits as trait
              on trait.collection_id = token.collection_id and trait.trait_type = attribute->>'traitType'
                and trait.value = attribute->>'value'
            order by 1
          ) as trait_ids
        ) as held
        where token.metadata_version > 0
          and (document.id is null or search.trait_ids is distinct from held.trait_ids
            or document.name is not null and search.name_key is distinct from lower(document.name))`,
  },
  {
    description: 'every document belongs to a token that had a good response',
    sql: `select document.id::text as detail
      from nft_metadata.token_documents as document left join nft_metadata.tokens as token on token.id = document.id
      where coalesce(token.metadata_version, 0) = 0`,
  },
];

/** The committed changes of one column: of several changes in one transaction, the first `before` and the last `after`. */
function committed(table: string, column: string): string {
  return `select row_id, min(id) as id, (array_agg(before->>'${column}' order by id))[1] as before,
      (array_agg(after->>'${column}' order by id desc))[1] as after
    from test_monitor.changes where table_name = '${table}' and before is not null and after is not null
    group by row_id, transaction`;
}

const CLOCK_TOLERANCE_MS = 3000;

/** Samples the database during a test and checks the invariants. */
export class InvariantMonitor {
  private readonly violations = new Set<string>();
  private readonly snapshots: ReconnectingClient;
  private isSampling = false;
  private sampling: Promise<void> = Promise.resolve();
  /** Snapshots since the last check. */
  private samples = 0;

  private constructor(
    private readonly database: Pick<TestDatabase, 'url' | 'query'>,
    private readonly metadataApi: MetadataHost,
  ) {
    this.snapshots = new ReconnectingClient(database.url);
  }

  /** Installs triggers that log every change of a state, and starts to sample snapshots. */
  static async start(
    database: Pick<TestDatabase, 'url' | 'query'>,
    metadataApi: MetadataHost,
  ): Promise<InvariantMonitor> {
    await database.query(CHANGE_LOG);
    const monitor = new InvariantMonitor(database, metadataApi);
    monitor.isSampling = true;
    monitor.sampling = monitor.sample();
    return monitor;
  }

  async stop(): Promise<void> {
    this.isSampling = false;
    await this.sampling;
    await this.snapshots.end();
  }

  /** The ids of items that are claimed, and neither finished nor released. */
  async claimedItems(): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `select row_id as id
       from (
         select distinct on (row_id) * from test_monitor.changes where table_name = 'refresh_items' order by row_id, id desc
       ) as last
       where after->>'status' = 'pending' and (after->>'claim_count')::int > coalesce((before->>'claim_count')::int, 0)`,
    );
    return rows.map(({ id }) => id);
  }

  /** Call this when no work is pending. Throws an Error with every description that turned out untrue, and the rows. */
  async expectInvariants(accepted: readonly AcceptedRefresh[]): Promise<void> {
    for (const invariant of [...ALWAYS, ...WHEN_IDLE]) await this.check(invariant);
    await this.checkMonitor();
    await this.checkAcceptedRefreshes(accepted);
    await this.checkHostRequests();
    const broken = [...this.violations];
    this.violations.clear();
    if (broken.length > 0) throw new Error(`Violated invariants:\n${broken.join('\n')}`);
  }

  private async sample(): Promise<void> {
    while (this.isSampling) {
      try {
        for (const { description, detail } of await this.snapshots.query<Violation>(SNAPSHOT))
          this.record(description, [{ detail }]);
        this.samples += 1;
      } catch {
        // The database may be down. `checkMonitor` fails if no sample succeeds at all.
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  private async check({ description, sql }: Invariant): Promise<void> {
    this.record(description, await this.database.query<{ detail: string }>(`${sql} limit 5`));
  }

  private record(description: string, rows: readonly { detail: string }[]): void {
    const some = rows.slice(0, 5);
    if (rows.length > 0) this.violations.add(`- ${description}: ${some.map(({ detail }) => detail).join('; ')}`);
  }

  /** Without samples and logged changes, the other checks would pass vacuously. */
  private async checkMonitor(): Promise<void> {
    const hasSeen = await vi.waitUntil(() => this.samples > 0, { timeout: 10_000 }).catch(() => false);
    const changes = await this.database.query('select from test_monitor.changes limit 1');
    if (!hasSeen) this.violations.add('- the monitor takes snapshots');
    if (changes.length === 0) this.violations.add('- the monitor logs changes');
    this.samples = 0;
  }

  private async checkAcceptedRefreshes(accepted: readonly AcceptedRefresh[]): Promise<void> {
    const wanted = accepted.flatMap(({ refreshId, tokenIds }) => tokenIds.map((id) => ({ refreshId, tokenId: id })));
    const rows = await this.database.query<{ detail: string }>(
      `select "refreshId" || ' token ' || "tokenId" || ': ' || count(item) || ' items' as detail
       from jsonb_to_recordset($1::jsonb) as accepted ("refreshId" uuid, "tokenId" numeric)
       left join nft_metadata.refresh_items as item on item.refresh_id = "refreshId" and item.token_id = "tokenId"
       group by "refreshId", "tokenId" having count(item) <> 1 limit 5`,
      [JSON.stringify(wanted)],
    );
    this.record('an accepted refresh has exactly one item for each of its tokens', rows);
  }

  /** Compares the requests that the metadata host received with the claims and records in the database. */
  private async checkHostRequests(): Promise<void> {
    const { requestTimes } = this.metadataApi;
    const tokens = await this.database.query<{
      tokenId: string;
      claims: number;
      /** Unix time in milliseconds: when the last successful refresh was accepted. */
      acceptedAt: number | null;
      /** The request numbers of the stored documents, in order. */
      writes: number[];
    }>(
      `select item."tokenId", item.claims, item."acceptedAt", coalesce(record.writes, '{}') as writes
       from (
         select item.token_id::text as "tokenId", sum(item.claim_count)::int as claims,
           (extract(epoch from max(change.at) filter (where item.status = 'succeeded')) * 1000)::float8 as "acceptedAt"
         from nft_metadata.refresh_items as item
         join test_monitor.changes as change
           on change.table_name = 'refresh_items' and change.row_id = item.id::text and change.before is null
         group by item.token_id
       ) as item
       left join (
         select token.token_id::text as "tokenId", array_agg((change.after->>'served')::int order by change.id) as writes
         from test_monitor.changes as change
         join nft_metadata.tokens as token on token.id::text = change.row_id
         where change.table_name = 'token_documents' and change.after->>'served' is not null
         group by token.token_id
       ) as record using ("tokenId")`,
    );
    this.record(
      'a token is requested at most once per claim',
      tokens.flatMap(({ tokenId, claims }) => {
        const hits = requestTimes.get(tokenId)?.length ?? 0;
        return hits > claims ? [{ detail: `token ${tokenId}: ${hits} requests, ${claims} claims` }] : [];
      }),
    );
    this.record(
      'after a refresh, the record has a document that was served after the refresh was accepted',
      tokens.flatMap(({ tokenId, acceptedAt, writes }) => {
        const times = requestTimes.get(tokenId)?.[(writes.at(-1) ?? 0) - 1];
        if (!times || acceptedAt === null) return [];
        const servedAt = performance.timeOrigin + times.endedAt;
        return servedAt < acceptedAt ? [{ detail: `token ${tokenId}: ${acceptedAt - servedAt} ms before` }] : [];
      }),
    );
    this.record(
      'a document never replaces one that was served seconds later',
      tokens.flatMap(({ tokenId, writes }) =>
        writes.some(
          (served, index) => index > 0 && isOlder(requestTimes.get(tokenId) ?? [], served, writes[index - 1]!),
        )
          ? [{ detail: `token ${tokenId}: stored the documents of requests ${writes.join(', ')}, in this order` }]
          : [],
      ),
    );
  }
}

/**
 * Request numbers start at 1. A fetch gets its sequence number from the database shortly before its request reaches the host, so two
 * almost simultaneous requests have no order.
 */
function isOlder(
  requestTimes: readonly { startedAt: number; endedAt: number }[],
  request: number,
  than: number,
): boolean {
  const [one, other] = [requestTimes[request - 1], requestTimes[than - 1]];
  return one !== undefined && other !== undefined && one.endedAt + CLOCK_TOLERANCE_MS < other.startedAt;
}

/** The change log, in a schema of its own. Rolled-back changes are not logged, because the log is an ordinary table. */
const CHANGE_LOG = `
  create schema test_monitor;
  create table test_monitor.changes (
    id bigint generated always as identity primary key,
    transaction xid8 not null default pg_current_xact_id(),
    at timestamptz not null default pg_catalog.clock_timestamp(),
    table_name text not null,
    row_id text not null,
    before jsonb,
    after jsonb
  );
  create function test_monitor.logged_fields(record jsonb) returns jsonb language sql as $$
    select case when record ? 'fetch_seq'
      then jsonb_build_object(
        'token_id', record->'token_id', 'metadata_status', record->'metadata_status', 'metadata_version', record->'metadata_version',
        'fetch_seq', record->'fetch_seq', 'fail_count', record->'fail_count',
        'document', md5((record - array['metadata_status', 'stale_since', 'fail_count', 'last_error_code',
          'last_error_reason', 'last_attempt_at', 'last_refresh_id'])::text)
      )
      when record ? 'raw' then jsonb_build_object('served', record->'raw'->'served')
      else record - 'source'
    end
  $$;
  create function test_monitor.log_change() returns trigger language plpgsql as $$
    begin
      insert into test_monitor.changes (table_name, row_id, before, after)
      values (tg_table_name, coalesce(to_jsonb(new)->>'id', to_jsonb(old)->>'id'),
        test_monitor.logged_fields(to_jsonb(old)), test_monitor.logged_fields(to_jsonb(new)));
      return null;
    end
  $$;
  create trigger test_monitor after insert or update or delete on nft_metadata.refresh_items
    for each row execute function test_monitor.log_change();
  create trigger test_monitor after insert or update or delete on nft_metadata.refreshes
    for each row execute function test_monitor.log_change();
  create trigger test_monitor after insert or update or delete on nft_metadata.tokens
    for each row execute function test_monitor.log_change();
  create trigger test_monitor after insert or update or delete on nft_metadata.token_documents
    for each row execute function test_monitor.log_change();`;
