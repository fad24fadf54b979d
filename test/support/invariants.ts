import type { MetadataHost } from './metadata-host.js';
import { LastingConnection, type TestDatabase } from './database.js';

/** What a client holds a 202 for. */
export interface AcceptedRefresh {
  refreshId: string;
  tokenIds: readonly string[];
}

/** A sentence that is true of the database, and a query for the rows of which it is not. */
interface Invariant {
  sentence: string;
  /** Rows of one column, `what`. */
  sql: string;
}

/** True in every snapshot, whatever is going on. */
const ALWAYS: readonly Invariant[] = [
  {
    sentence: 'the counters of a refresh equal its items',
    sql: `select refresh.id || ': ' || row_to_json(refresh) || ' with items ' || row_to_json(item) as what
      from (select id, total, succeeded, failed from nft_metadata.refreshes) as refresh
      join (
        select refresh_id as id, count(*) as total, count(*) filter (where status = 'succeeded') as succeeded,
          count(*) filter (where status = 'failed') as failed
        from nft_metadata.refresh_items group by refresh_id
      ) as item using (id)
      where (refresh.total, refresh.succeeded, refresh.failed) <> (item.total, item.succeeded, item.failed)`,
  },
  {
    sentence: 'no refresh is completed while an item of it is pending',
    sql: `select refresh.id::text as what
      from nft_metadata.refreshes as refresh
      where completed_at is not null
        and exists (select from nft_metadata.refresh_items where refresh_id = refresh.id and status = 'pending')`,
  },
  {
    sentence: 'a failed item has exactly one error, and no other item has any',
    sql: `select item.id || ' ' || item.status || ' with ' || count(error) || ' errors' as what
      from nft_metadata.refresh_items as item
      left join nft_metadata.refresh_errors as error on error.item_id = item.id
      group by item.id
      having count(error) <> (item.status = 'failed')::int`,
  },
];

interface Untrue {
  sentence: string;
  what: string;
}

/** All of them in one statement: whoever looks ten times a second must not cost more than what is looked at. */
const SNAPSHOT = ALWAYS.map(
  ({ sentence, sql }) => `(select '${sentence}' as sentence, what from (${sql}) as untrue limit 5)`,
).join('\nunion all\n');

/** True when nothing is left to do. */
const AT_REST: readonly Invariant[] = [
  {
    sentence: 'no item is pending',
    sql: `select id || ' of token ' || token_id || ', claims ' || claim_count || ', due ' || due_at as what
      from nft_metadata.refresh_items where status = 'pending'`,
  },
  {
    sentence: 'every refresh is completed, and not before it was created',
    sql: `select row_to_json(refresh)::text as what from nft_metadata.refreshes as refresh
      where completed_at is null or completed_at < created_at`,
  },
  {
    sentence: 'an item becomes final once, and stays as it is',
    sql: `select 'item ' || row_id || ': ' || string_agg(before || ' to ' || after, ', ' order by id) as what
      from (${committed('refresh_items', 'status')}) as step
      where before <> after
      group by row_id
      having count(*) > 1 or bool_or(before <> 'pending')`,
  },
  {
    sentence: 'the claim number of an item never goes down',
    sql: `select 'item ' || row_id || ': from ' || before || ' to ' || after as what
      from (${committed('refresh_items', 'claim_count')}) as step where before::int > after::int`,
  },
  {
    sentence: 'a completed refresh stays completed',
    sql: `select 'refresh ' || row_id as what
      from (${committed('refreshes', 'completed_at')}) as step where before is not null and after is distinct from before`,
  },
  {
    sentence: 'the version of a record never goes down',
    sql: `select 'record ' || row_id || ': from ' || before || ' to ' || after as what
      from (${committed('tokens', 'metadata_version')}) as step where before::int > after::int`,
  },
  {
    sentence: 'an answer that was asked for earlier never replaces a later one',
    sql: `select 'record ' || row_id || ': from ' || before || ' to ' || after as what
      from (${committed('tokens', 'fetch_seq')}) as step where before::bigint > after::bigint`,
  },
  {
    sentence: 'a failure changes nothing but the failure fields of a record',
    sql: `select 'record ' || row_id as what from test_watch.changes
      where table_name = 'tokens' and after->>'document' <> before->>'document'
        and (after->>'metadata_status' <> 'ok' or (after->>'fail_count')::int > (before->>'fail_count')::int)`,
  },
  {
    sentence: 'the counts of traits equal the records',
    sql: `select trait.trait_type || '=' || trait.value || ': ' || trait.token_count || ' for ' || count(token) as what
      from nft_metadata.collection_traits as trait
      left join nft_metadata.tokens as token on token.collection_id = trait.collection_id and trait.id = any(token.trait_ids)
      group by trait.id
      having trait.token_count <> count(token)`,
  },
  {
    sentence: 'tokens are found by what their records have',
    sql: `select 'token ' || token.token_id as what
        from nft_metadata.tokens as token
        left join nft_metadata.token_search as search
          on search.collection_id = token.collection_id and search.token_id = token.token_id
        where token.metadata_version > 0
          and (search.trait_ids is distinct from token.trait_ids or search.name_key is distinct from lower(token.name))
          and not (token.name is null and search.trait_ids = token.trait_ids)`,
  },
];

/** The steps of one column as others could see them: of several changes in one transaction, the first `before` and the last `after`. */
function committed(table: string, column: string): string {
  return `select row_id, min(id) as id, (array_agg(before->>'${column}' order by id))[1] as before,
      (array_agg(after->>'${column}' order by id desc))[1] as after
    from test_watch.changes where table_name = '${table}' and before is not null and after is not null
    group by row_id, transaction`;
}

const ABOUT_THE_SAME_TIME_MS = 3000;

/** Looks on while a test breaks things, and judges what it saw. */
export class Watch {
  private readonly broken = new Set<string>();
  private readonly snapshots: LastingConnection;
  private isSampling = false;
  private sampling: Promise<void> = Promise.resolve();
  /** Snapshots that were looked at since the last judgement. */
  private samples = 0;

  private constructor(
    private readonly database: Pick<TestDatabase, 'url' | 'query'>,
    private readonly metadataApi: MetadataHost,
  ) {
    this.snapshots = new LastingConnection(database.url);
  }

  /** From here on a trigger writes down every change of a state, and snapshots are looked at. */
  static async start(database: Pick<TestDatabase, 'url' | 'query'>, metadataApi: MetadataHost): Promise<Watch> {
    await database.query(CHANGE_LOG);
    const watch = new Watch(database, metadataApi);
    watch.isSampling = true;
    watch.sampling = watch.sample();
    return watch;
  }

  async stop(): Promise<void> {
    this.isSampling = false;
    await this.sampling;
    await this.snapshots.end();
  }

  /** Items that somebody has claimed, and neither finished nor handed back. */
  async claimedItems(): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `select row_id as id
       from (
         select distinct on (row_id) * from test_watch.changes where table_name = 'refresh_items' order by row_id, id desc
       ) as last
       where after->>'status' = 'pending' and (after->>'claim_count')::int > coalesce((before->>'claim_count')::int, 0)`,
    );
    return rows.map(({ id }) => id);
  }

  /** To be called when all work is done. Throws an Error with every sentence that turned out untrue, and the rows. */
  async expectInvariants(accepted: readonly AcceptedRefresh[]): Promise<void> {
    for (const invariant of [...ALWAYS, ...AT_REST]) await this.look(invariant);
    await this.lookAtItself();
    await this.lookAtAccepted(accepted);
    await this.lookAtTheHost();
    const broken = [...this.broken];
    this.broken.clear();
    if (broken.length > 0) throw new Error(`Not true:\n${broken.join('\n')}`);
  }

  private async sample(): Promise<void> {
    while (this.isSampling) {
      try {
        for (const { sentence, what } of await this.snapshots.query<Untrue>(SNAPSHOT)) this.note(sentence, [{ what }]);
        this.samples += 1;
      } catch {
        // Without a database there is nothing to see. Who never sees anything is found out in the end.
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  private async look({ sentence, sql }: Invariant): Promise<void> {
    this.note(sentence, await this.database.query<{ what: string }>(`${sql} limit 5`));
  }

  private note(sentence: string, rows: readonly { what: string }[]): void {
    const some = rows.slice(0, 5);
    if (rows.length > 0) this.broken.add(`- ${sentence}: ${some.map(({ what }) => what).join('; ')}`);
  }

  /** Nothing that was looked at would be all right, too. */
  private async lookAtItself(): Promise<void> {
    const hasSeen = await vi.waitUntil(() => this.samples > 0, { timeout: 10_000 }).catch(() => false);
    const changes = await this.database.query('select from test_watch.changes limit 1');
    if (!hasSeen) this.broken.add('- snapshots are looked at all the time');
    if (changes.length === 0) this.broken.add('- changes are written down');
    this.samples = 0;
  }

  private async lookAtAccepted(accepted: readonly AcceptedRefresh[]): Promise<void> {
    const wanted = accepted.flatMap(({ refreshId, tokenIds }) => tokenIds.map((id) => ({ refreshId, tokenId: id })));
    const rows = await this.database.query<{ what: string }>(
      `select "refreshId" || ' token ' || "tokenId" || ': ' || count(item) || ' items' as what
       from jsonb_to_recordset($1::jsonb) as accepted ("refreshId" uuid, "tokenId" numeric)
       left join nft_metadata.refresh_items as item on item.refresh_id = "refreshId" and item.token_id = "tokenId"
       group by "refreshId", "tokenId" having count(item) <> 1 limit 5`,
      [JSON.stringify(wanted)],
    );
    this.note('an accepted refresh has exactly one item for each of its tokens', rows);
  }

  /** What the metadata host has seen of each token, beside what the database says was done. */
  private async lookAtTheHost(): Promise<void> {
    const { requestTimes } = this.metadataApi;
    const tokens = await this.database.query<{
      tokenId: string;
      claims: number;
      /** Milliseconds since 1970, by the clock of the machine: when the last request that succeeded was accepted. */
      askedAt: number | null;
      /** The numbers of the documents that the record had, in order. */
      writes: number[];
    }>(
      `select item."tokenId", item.claims, item."askedAt", coalesce(record.writes, '{}') as writes
       from (
         select item.token_id::text as "tokenId", sum(item.claim_count)::int as claims,
           (extract(epoch from max(change.at) filter (where item.status = 'succeeded')) * 1000)::float8 as "askedAt"
         from nft_metadata.refresh_items as item
         join test_watch.changes as change
           on change.table_name = 'refresh_items' and change.row_id = item.id::text and change.before is null
         group by item.token_id
       ) as item
       left join (
         select after->>'token_id' as "tokenId", array_agg((after->>'served')::int order by id) as writes
         from test_watch.changes
         where table_name = 'tokens' and after->>'served' is not null
           and after->>'fetch_seq' is distinct from before->>'fetch_seq'
         group by after->>'token_id'
       ) as record using ("tokenId")`,
    );
    this.note(
      'no token is asked for more often than it was claimed',
      tokens.flatMap(({ tokenId, claims }) => {
        const hits = requestTimes.get(tokenId)?.length ?? 0;
        return hits > claims ? [{ what: `token ${tokenId}: ${hits} requests, ${claims} claims` }] : [];
      }),
    );
    this.note(
      'whoever asked for a token finds a document that was served after that',
      tokens.flatMap(({ tokenId, askedAt, writes }) => {
        const visit = requestTimes.get(tokenId)?.[(writes.at(-1) ?? 0) - 1];
        if (!visit || askedAt === null) return [];
        const servedAt = performance.timeOrigin + visit.endedAt;
        return servedAt < askedAt ? [{ what: `token ${tokenId}: ${askedAt - servedAt} ms before` }] : [];
      }),
    );
    this.note(
      'a document is never replaced by one that is seconds older',
      tokens.flatMap(({ tokenId, writes }) =>
        writes.some(
          (served, index) => index > 0 && isOlder(requestTimes.get(tokenId) ?? [], served, writes[index - 1]!),
        )
          ? [{ what: `token ${tokenId}: documents of its requests ${writes.join(', ')}, in this order` }]
          : [],
      ),
    );
  }
}

/**
 * Requests are numbered from 1. A fetch begins when it gets its number from the database, a moment before its request is
 * at the host: of two workers that ask at about the same time, neither is the earlier one.
 */
function isOlder(
  requestTimes: readonly { startedAt: number; endedAt: number }[],
  request: number,
  than: number,
): boolean {
  const [one, other] = [requestTimes[request - 1], requestTimes[than - 1]];
  return one !== undefined && other !== undefined && one.endedAt + ABOUT_THE_SAME_TIME_MS < other.startedAt;
}

/** In the test's own database and schema. Rolled back changes leave no trace: the log is a table like any other. */
const CHANGE_LOG = `
  create schema test_watch;
  create table test_watch.changes (
    id bigint generated always as identity primary key,
    transaction xid8 not null default pg_current_xact_id(),
    at timestamptz not null default pg_catalog.clock_timestamp(),
    table_name text not null,
    row_id text not null,
    before jsonb,
    after jsonb
  );
  create function test_watch.shown(record jsonb) returns jsonb language sql as $$
    select case when record ? 'fetch_seq'
      then jsonb_build_object(
        'token_id', record->'token_id', 'metadata_status', record->'metadata_status', 'metadata_version', record->'metadata_version',
        'fetch_seq', record->'fetch_seq', 'fail_count', record->'fail_count', 'served', record->'raw'->'served',
        'document', md5((record - array['metadata_status', 'stale_since', 'fail_count', 'last_error_code',
          'last_error_reason', 'last_attempt_at', 'last_refresh_id'])::text)
      )
      else record - 'source'
    end
  $$;
  create function test_watch.note() returns trigger language plpgsql as $$
    begin
      insert into test_watch.changes (table_name, row_id, before, after)
      values (tg_table_name, coalesce(to_jsonb(new)->>'id', to_jsonb(old)->>'id'),
        test_watch.shown(to_jsonb(old)), test_watch.shown(to_jsonb(new)));
      return null;
    end
  $$;
  create trigger test_watch after insert or update or delete on nft_metadata.refresh_items
    for each row execute function test_watch.note();
  create trigger test_watch after insert or update or delete on nft_metadata.refreshes
    for each row execute function test_watch.note();
  create trigger test_watch after insert or update or delete on nft_metadata.tokens
    for each row execute function test_watch.note();`;
