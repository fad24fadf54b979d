import type { MetadataHost } from '@app/testing';
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
    description: 'the counters of a refresh match its results and its chunks',
    sql: `select row_to_json(refresh) || ' with results ' || coalesce(row_to_json(result)::text, 'none') || ' and '
        || coalesce(pending, 0) || ' tokens in chunks' as detail
      from (
        select id, total, succeeded, failed, cancelled, unchanged, superseded, held, staged from nft_metadata.refreshes
      ) as refresh
      left join (
        select refresh_id as id, count(*) filter (where verdict not in ('f', 'c')) as succeeded,
          count(*) filter (where verdict = 'f') as failed, count(*) filter (where verdict = 'c') as cancelled,
          count(*) filter (where verdict = 'n') as unchanged, count(*) filter (where verdict = 's') as superseded,
          count(*) filter (where verdict = 'h') as held, count(*) filter (where verdict = 't') as staged
        from nft_metadata.refresh_results group by refresh_id
      ) as result using (id)
      left join (
        select refresh_id as id, sum(cardinality(token_ids)) as pending from nft_metadata.refresh_chunks group by refresh_id
      ) as chunk using (id)
      where (refresh.succeeded, refresh.failed, refresh.cancelled, refresh.unchanged, refresh.superseded, refresh.held, refresh.staged)
          <> (coalesce(result.succeeded, 0), coalesce(result.failed, 0), coalesce(result.cancelled, 0),
            coalesce(result.unchanged, 0), coalesce(result.superseded, 0), coalesce(result.held, 0), coalesce(result.staged, 0))
        or refresh.total <> refresh.succeeded + refresh.failed + refresh.cancelled + coalesce(pending, 0)`,
  },
  {
    description: 'the reasons of a refresh count its errors',
    sql: `select refresh_id || ' ' || error_code || ' ' || reason || ': ' || coalesce(counted.count::text, 'none') || ' for '
        || coalesce(error.count::text, 'none') as detail
      from nft_metadata.refresh_reasons as counted
      full join (
        select refresh_id, error_code, reason, count(*) from nft_metadata.refresh_errors group by refresh_id, error_code, reason
      ) as error using (refresh_id, error_code, reason)
      where counted.count is distinct from error.count`,
  },
  {
    description: 'a token of a refresh is in one chunk or has a result, and not both',
    sql: `select refresh_id || ' token ' || token_id || ' in ' || count(*) || ' chunks' as detail
      from (select refresh_id, unnest(token_ids) as token_id from nft_metadata.refresh_chunks) as pending
      group by refresh_id, token_id
      having count(*) > 1 or exists (
        select from nft_metadata.refresh_results as result
        where result.refresh_id = pending.refresh_id and result.token_id = pending.token_id
      )`,
  },
  {
    description: 'the tokens of a chunk ascend',
    sql: `select id || ': ' || token_ids::text as detail from nft_metadata.refresh_chunks
      where token_ids <> array(select distinct token_id from unnest(token_ids) as token_id order by token_id)`,
  },
  {
    // The chunks of one claim have one due_at: the time of its transaction, one lease later.
    description: 'a token is in one claim at a time',
    sql: `select token_id || ' in chunks ' || string_agg(id || ' until ' || due_at, ', ') as detail
      from (
        select chunk.id, chunk.due_at, refresh.collection_id, unnest(chunk.token_ids) as token_id
        from nft_metadata.refresh_chunks as chunk join nft_metadata.refreshes as refresh on refresh.id = chunk.refresh_id
        where chunk.is_claimed and chunk.due_at > now()
      ) as claimed
      group by collection_id, token_id
      having count(distinct due_at) > 1`,
  },
  {
    description: 'no refresh is completed while one of its tokens is pending',
    sql: `select refresh.id::text as detail
      from nft_metadata.refreshes as refresh
      where completed_at is not null
        and exists (select from nft_metadata.refresh_chunks where refresh_id = refresh.id)`,
  },
  {
    description: 'a chunk is paused while its refresh is paused or has not begun, or until the sweep has looked at it',
    sql: `select chunk.id || ' of ' || refresh_id as detail
      from nft_metadata.refresh_chunks as chunk join nft_metadata.refreshes as refresh on refresh.id = chunk.refresh_id
      where chunk.is_paused and refresh.sweep_due_at is null`,
  },
  {
    description: 'no chunk of a paused refresh that the sweep has finished with can be claimed',
    sql: `select chunk.id || ' of ' || refresh_id as detail
      from nft_metadata.refresh_chunks as chunk join nft_metadata.refreshes as refresh on refresh.id = chunk.refresh_id
      where not chunk.is_paused and refresh.paused_at is not null and refresh.sweep_due_at > now() + interval '1 day'`,
  },
  {
    description: 'the sweep looks at every refresh that is paused or being cancelled',
    sql: `select id::text as detail from nft_metadata.refreshes
      where completed_at is null and sweep_due_at is null and (paused_at is not null or cancelled_at is not null)`,
  },
  {
    description: 'the tokens that an hour has counted are those that refreshes were charged for',
    sql: `select quota.project_id || ': ' || used || ' for ' || coalesce(charged, 0) as detail
      from nft_metadata.refresh_quotas as quota
      left join (
        select project_id, charged_window, sum(charged) as charged from nft_metadata.refreshes group by project_id, charged_window
      ) as refresh on refresh.project_id = quota.project_id and refresh.charged_window = quota.window_started_at
      where used <> coalesce(charged, 0)`,
  },
  {
    description: 'a failed token has exactly one error, and any other token has none',
    sql: `select refresh_id || ' token ' || token_id || ': ' || coalesce(verdict::text, 'no result') || ', error '
        || coalesce(error.id::text, 'none') as detail
      from nft_metadata.refresh_results as result
      full join nft_metadata.refresh_errors as error using (refresh_id, token_id)
      where (verdict = 'f') is distinct from (error.id is not null)`,
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
    description: 'no chunk is left',
    sql: 'select row_to_json(chunk)::text as detail from nft_metadata.refresh_chunks as chunk',
  },
  {
    description: 'every refresh is completed after its creation',
    sql: `select row_to_json(refresh)::text as detail from nft_metadata.refreshes as refresh
      where completed_at is null or completed_at < created_at`,
  },
  {
    description: 'only refreshes that were cancelled have cancelled tokens',
    sql: `select row_to_json(refresh)::text as detail from nft_metadata.refreshes as refresh
      where cancelled > 0 and cancelled_at is null`,
  },
  {
    description: 'a retry has only tokens that failed in the refresh that it retries',
    sql: `select refresh.id || ' token ' || token_id as detail
      from nft_metadata.refreshes as refresh
      join nft_metadata.refresh_results as result on result.refresh_id = refresh.id
      where retry_of is not null and not exists (
        select from nft_metadata.refresh_errors as error
        where error.refresh_id = refresh.retry_of and error.token_id = result.token_id
      )`,
  },
  {
    description: 'a result does not change',
    sql: `select row_id || ': ' || before || ' to ' || coalesce(after::text, 'none') as detail
      from test_monitor.changes where table_name = 'refresh_results'`,
  },
  {
    description: 'no token is added to a chunk',
    sql: `select 'chunk ' || row_id || ': from ' || before || ' to ' || after as detail
      from (${committed('refresh_chunks', 'token_ids')}) as change where not before::jsonb @> after::jsonb`,
  },
  {
    description: 'the claim count of a chunk never decreases',
    sql: `select 'chunk ' || row_id || ': from ' || before || ' to ' || after as detail
      from (${committed('refresh_chunks', 'claim_count')}) as change where before::int > after::int`,
  },
  {
    description: 'an attempt is stored once, and counts for the result of its token',
    sql: `select attempt.refresh_id || ' token ' || token_id || ': attempt ' || attempt.attempt || ', stored ' || count(*)
        || ' times, of ' || attempts as detail
      from nft_metadata.refresh_attempts as attempt
      join nft_metadata.refresh_results as result using (refresh_id, token_id)
      group by attempt.refresh_id, token_id, attempt.attempt, attempts
      having count(*) > 1 or attempt.attempt > attempts`,
  },
  {
    description: 'a refresh is announced once, when it is completed',
    sql: `select id || ': ' || count(event) || ' events, ' || coalesce(max(event::text), 'none') as detail
      from nft_metadata.refreshes as refresh
      left join (
        select jsonb_array_elements(completions::jsonb) as event from nft_metadata.event_outbox
      ) as completion on (event->>'refreshId')::uuid = refresh.id
        and (event->>'succeeded', event->>'failed', event->>'cancelled')
          = (refresh.succeeded::text, refresh.failed::text, refresh.cancelled::text)
      group by id having count(event) <> 1`,
  },
  {
    description: 'every version of a record is announced once',
    sql: `select token.token_id || ': ' || count(event) || ' events for ' || metadata_version || ' versions' as detail
      from nft_metadata.tokens as token
      left join (
        select jsonb_array_elements(changes::jsonb) as event from nft_metadata.event_outbox
      ) as change on (event->>'collectionId')::uuid = token.collection_id and (event->>'tokenId')::numeric = token.token_id
      group by token.collection_id, token.token_id, metadata_version
      having count(event) <> metadata_version`,
  },
  {
    description: 'every version of a record has one row, with the content hash and the traits that it made',
    sql: `select 'token ' || token.token_id || ' version ' || made.version || ': ' || coalesce(version.content_hash, 'none') as detail
      from nft_metadata.tokens as token
      cross join lateral generate_series(1, token.metadata_version) as made (version)
      left join nft_metadata.token_versions as version on version.id = token.id and version.version = made.version
      where version.id is null or made.version = token.metadata_version and version.content_hash <> token.content_hash
      union all
      select 'token ' || token.token_id || ': traits ' || search.trait_ids::text || ', versions have ' || held.trait_ids::text
      from nft_metadata.tokens as token
      join nft_metadata.token_search as search using (collection_id, token_id)
      cross join lateral (
        select coalesce(array_agg(trait_id order by trait_id), '{}') as trait_ids
        from (
          select trait_id from (
            select unnest(traits_added) as trait_id, 1 as amount from nft_metadata.token_versions where id = token.id
            union all
            select unnest(traits_removed), -1 from nft_metadata.token_versions where id = token.id
          ) as change
          group by trait_id having sum(amount) > 0
        ) as trait
      ) as held
      where search.trait_ids <> held.trait_ids
      union all
      select 'a version of a removed token: ' || id from nft_metadata.token_versions as version
      where not exists (select from nft_metadata.tokens as token where token.id = version.id)`,
  },
  {
    description: 'the document of every version but the first is kept once',
    sql: `select 'record ' || id || ' version ' || version as detail from nft_metadata.token_versions
      where (replaced_raw is null) <> (version = 1)`,
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

/** What `expectInvariants` reports when a row violates an invariant. */
export const INVARIANTS: readonly string[] = [...ALWAYS, ...WHEN_IDLE].map(({ description }) => description);

/** The committed changes of one column: of several changes in one transaction, the first `before` and the last `after`. */
function committed(table: string, column: string): string {
  return `select row_id, min(id) as id, (array_agg(before->>'${column}' order by id))[1] as before,
      (array_agg(after->>'${column}' order by id desc))[1] as after
    from test_monitor.changes where table_name = '${table}' and before is not null and after is not null
    group by row_id, transaction`;
}

/** The committed claims of chunks: `after` is the chunk when it was claimed. */
const CLAIMS = `
  select * from (
    select row_id, transaction, (array_agg(before order by id))[1] as before, (array_agg(after order by id desc))[1] as after
    from test_monitor.changes where table_name = 'refresh_chunks' group by row_id, transaction
  ) as change
  where (after->>'is_claimed')::boolean and (after->>'claim_count')::int > coalesce((before->>'claim_count')::int, 0)`;

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

  /** The ids of tokens that are claimed, and neither finished nor released. */
  async claimedTokens(): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      'select unnest(token_ids)::text as id from nft_metadata.refresh_chunks where is_claimed',
    );
    return rows.map(({ id }) => id);
  }

  /** Of each token of a refresh: its claims, and how many of them were lost. */
  async claimsOf(refreshId: string): Promise<{ claims: number; lost: number }[]> {
    return this.database.query(
      `select count(*)::int as claims, max((after->>'lost_count')::int) as lost
       from (${CLAIMS}) as claim cross join lateral jsonb_array_elements_text(after->'token_ids') as token_id
       where after->>'refresh_id' = $1
       group by token_id order by token_id`,
      [refreshId],
    );
  }

  /** The most claims in a row of one chunk that ended by lease expiry, without a result or a release. */
  async maxLostClaims(projectId: string): Promise<number> {
    const [row] = await this.database.query<{ most: number }>(
      `select max((after->>'lost_count')::int) as most
       from (${CLAIMS}) as claim join nft_metadata.refreshes as refresh on refresh.id = (after->>'refresh_id')::uuid
       where refresh.project_id = $1`,
      [projectId],
    );
    return row!.most;
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
      `with accepted as (
         select * from jsonb_to_recordset($1::jsonb) as accepted ("refreshId" uuid, "tokenId" numeric)
       )
       select coalesce("refreshId", refresh_id) || ' token ' || coalesce("tokenId", token_id) || ': '
         || case when "tokenId" is null then 'not requested' else 'no result' end as detail
       from accepted
       full join (
         select refresh_id, token_id from nft_metadata.refresh_results
         where refresh_id in (select "refreshId" from accepted)
       ) as result on refresh_id = "refreshId" and token_id = "tokenId"
       where "tokenId" is null or token_id is null limit 5`,
      [JSON.stringify(wanted)],
    );
    this.record('an accepted refresh has a result for each of its tokens and for no other', rows);
  }

  /** Compares the requests that the metadata host received with the claims and records in the database. */
  private async checkHostRequests(): Promise<void> {
    const { requestTimes } = this.metadataApi;
    const tokens = await this.database.query<{
      tokenId: string;
      claims: number;
      /** Unix time in milliseconds: when the acceptance of the last successful refresh began. */
      acceptedAt: number | null;
      /** The request numbers of the stored documents, in order. */
      writes: number[];
    }>(
      `select result."tokenId", coalesce(claim.claims, 0) as claims, result."acceptedAt",
         coalesce(record.writes, '{}') as writes
       from (
         select token_id::text as "tokenId",
           (extract(epoch from max(change.began_at) filter (where verdict in ('u', 'n', 's'))) * 1000)::float8 as "acceptedAt"
         from nft_metadata.refresh_results
         join test_monitor.changes as change
           on change.table_name = 'refreshes' and change.row_id = refresh_id::text and change.before is null
         group by token_id
       ) as result
       left join (
         select "tokenId", count(distinct transaction)::int as claims
         from (${CLAIMS}) as claim
         cross join lateral jsonb_array_elements_text(after->'token_ids') as "tokenId"
         group by "tokenId"
       ) as claim using ("tokenId")
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
    began_at timestamptz not null default pg_catalog.now(),
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
      values (tg_table_name, coalesce(to_jsonb(new)->>'id', to_jsonb(old)->>'id', to_jsonb(old)->>'token_id'),
        test_monitor.logged_fields(to_jsonb(old)), test_monitor.logged_fields(to_jsonb(new)));
      return null;
    end
  $$;
  create trigger test_monitor after insert or update or delete on nft_metadata.refresh_chunks
    for each row execute function test_monitor.log_change();
  create trigger test_monitor after update or delete on nft_metadata.refresh_results
    for each row execute function test_monitor.log_change();
  create trigger test_monitor after insert or update or delete on nft_metadata.refreshes
    for each row execute function test_monitor.log_change();
  create trigger test_monitor after insert or update or delete on nft_metadata.tokens
    for each row execute function test_monitor.log_change();
  create trigger test_monitor after insert or update or delete on nft_metadata.token_documents
    for each row execute function test_monitor.log_change();`;
