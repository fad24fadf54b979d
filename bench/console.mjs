// The console beside the queue. First: how long its pages take on a refresh of a million tokens, with ten million attempts, while a worker
// refreshes at full speed, for an operator and for a partner: once in a process of its own, once in the process of the worker; and how many
// rows of large tables are read by scans from end to end. Second: how much slower refreshing is while twenty tabs are open. Both count the
// reads that were refused as busy.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { median, percentile, sleep, timed, tokenIds } from './support/measure.mjs';
import { readRefresh, requestAll, requestRefresh, Service } from './support/service.mjs';

const SECRET = 'a secret of the operators, for this benchmark';
const VARIABLES = { CONSOLE: 'on', CONSOLE_OPERATOR_SECRET: SECRET };
const HOST_CONCURRENCY = 200;
const FAILED_OF = 100;
const REASONS = ['timeout', 'tls', 'dns'];
const TABS = 20;
/** Refreshes of this many tokens are timed with and without tabs. */
const TIMED_TOKENS = 50_000;
const MAX_PAGE_MS = 100;
const MAX_REASONS_MS = 400;
/** Not a page: what a request costs at that moment that reads nothing. */
const PROBE = '(liveness probe)';
const LARGE_TABLES = ['refresh_results', 'refresh_errors', 'refresh_attempts', 'refresh_chunks', 'tokens'];

export const consolePages = {
  title: 'The console beside the queue',
  async run({ postgres, metadataHost, options, log }) {
    const pages = await measurePages({ postgres, metadataHost, options, log });
    const tabs = await measureTabs({ postgres, metadataHost, options, log });
    const isReasons = (name) => /^(partner: )?reasons$/.test(name);
    const slowest = (times, of) =>
      Math.max(...times.filter(([name]) => name !== PROBE && of(name)).map(([, each]) => percentile(each, 95)));
    const goalsOf = (where, times) => [
      {
        text: `K40: p95 of a page ${where}, ms`,
        value: slowest(times, (name) => !isReasons(name)),
        atMost: MAX_PAGE_MS,
      },
      { text: `K40: p95 of the reasons ${where}, ms`, value: slowest(times, isReasons), atMost: MAX_REASONS_MS },
    ];
    return {
      goals: [
        ...goalsOf(`on ${options.queued.toLocaleString('en')} tokens beside a worker`, pages.ownProcess),
        ...goalsOf('in the process of the worker', pages.oneProcess),
        { text: 'K40: rows of large tables that pages read by scans', value: pages.scannedRows, atMost: 0 },
        { text: 'K40: pages that were refused as busy', value: pages.busy, atMost: 0 },
        { text: `K41: throughput with ${TABS} open tabs, vs. none`, value: median(tabs.ratios), atLeast: 0.98 },
      ],
      tables: [
        {
          head: [
            'page',
            'median, ms',
            'p95, ms',
            'slowest, ms',
            'with the worker: median, ms',
            'p95, ms',
            'slowest, ms',
          ],
          rows: pages.ownProcess.map(([name, times], at) => [
            name,
            ...[times, pages.oneProcess[at][1]]
              .flatMap((each) => [median(each), percentile(each, 95), percentile(each, 100)])
              .map((ms) => ms.toFixed(1)),
          ]),
        },
        {
          head: ['round', 'tokens/s without tabs', `with ${TABS} tabs`, 'ratio', 'reads of tabs', 'busy'],
          rows: tabs.rounds.map(({ without, withTabs, reads, busy }, at) => [
            at + 1,
            without.toFixed(0),
            withTabs.toFixed(0),
            (withTabs / without).toFixed(3),
            reads,
            busy,
          ]),
        },
      ],
    };
  },
};

async function measurePages({ postgres, metadataHost, options, log }) {
  const database = await postgres.createDatabase('console_pages');
  const service = await Service.prepare(database, metadataHost);
  const project = await service.addProject();
  const url = `${metadataHost.url}/0/small/console`;
  const collection = await service.addCollection(project, url, [], HOST_CONCURRENCY);
  log(`writing a refresh of ${options.queued} tokens, and ${options.finishedTokens} attempts`);
  const refreshId = await writeRefresh(database, { project, collection, url, options });
  const beside = await writeOthers(database, { project, collection, url });
  await database.vacuum();
  const chain = { CHAIN_EVENTS: 'true', RPC_URLS: `1=${metadataHost.url}` };
  // So that the host is known.
  const firstProcess = await service.startAll([], { ...VARIABLES, ...chain });
  const first = await requestRefresh(firstProcess, project, collection, tokenIds(10));
  while ((await readRefresh(firstProcess, project, first)).status !== 'completed') await sleep(50);
  await firstProcess.stop();
  const middle = Math.floor(options.queued / 2);
  const cursor = Buffer.from(JSON.stringify({ tokenId: String(middle) })).toString('base64url');
  const { host } = new URL(url);
  const ofBoth = [
    ['overview', 'overview'],
    ['list of refreshes', 'refreshes'],
    ['list, with failures', 'refreshes?status=with-failures'],
    ['refresh', `refreshes/${refreshId}`],
    ['reasons', `refreshes/${refreshId}/reasons`],
    ['tokens, first page', `refreshes/${refreshId}/tokens`],
    ['tokens, from the middle', `refreshes/${refreshId}/tokens?cursor=${cursor}`],
    ['tokens that failed', `refreshes/${refreshId}/tokens?verdict=failed`],
    ['tokens with a rare verdict', `refreshes/${refreshId}/tokens?verdict=held`],
    ['tokens with a rare reason', `refreshes/${refreshId}/tokens?reason=invalid_json`],
    ['one token of the refresh', `refreshes/${refreshId}/tokens?token=${middle}`],
    ['token', `tokens/1/${collection.address}/${middle}`],
    ['attempts at a token', `tokens/1/${collection.address}/${middle}/attempts`],
    ['search for a token', `search?q=${middle}`],
    ['search for a refresh', `search?q=${refreshId}`],
    ['failures by reason', 'failures?since=7d'],
    ['failures by host', 'failures?since=7d&group=host'],
    ['failures by collection', `failures?since=7d&group=collection`],
    ['failures of a collection', `failures?since=7d&collection=${collection.id}`],
    ['failed tokens', 'failures/tokens?since=7d'],
    ['failed tokens of a host', `failures/tokens?since=7d&host=${host}`],
    ['failed tokens of a rare reason', 'failures/tokens?since=7d&reason=invalid_json'],
    ['failed tokens of another host', 'failures/tokens?since=7d&host=elsewhere.example'],
    ['hosts', 'hosts'],
    ['host', `hosts/${encodeURIComponent(host)}`],
    ['webhooks', 'webhooks'],
    ['webhook', `webhooks/${beside.webhookId}`],
    ['reveals', 'reveals'],
    ['reveal', `reveals/${beside.revealId}`],
    ['collections', 'collections'],
    ['limits', 'limits'],
  ];
  const ofOperators = [
    ['failures by project', 'failures?since=7d&group=project'],
    ['workers', 'workers'],
    ['projects', 'projects'],
    ['project', `projects/${project.id}`],
    ['chain', 'chain'],
  ];
  const visit = async (process) => {
    const [operator, partner] = [await Visitor.signIn(process), await Visitor.signIn(process, project)];
    const paths = [
      [PROBE, '../../health/live', operator],
      ...[...ofBoth.filter(([name]) => name !== 'limits'), ...ofOperators].map(([name, path]) => [
        name,
        path,
        operator,
      ]),
      ...ofBoth.map(([name, path]) => [`partner: ${name}`, path, partner]),
    ];
    return { paths, busy: () => operator.busy + partner.busy };
  };
  const read = async (process, rounds) => {
    const { paths, busy } = await visit(process);
    const times = paths.map(([name]) => [name, []]);
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, [, path, visitor]] of paths.entries()) {
        times[index][1].push((await timed(() => visitor.read(path))).milliseconds);
      }
    }
    return { times, busy: busy() };
  };

  log(`reading ${ofBoth.length * 2 + ofOperators.length} pages without a worker`);
  const api = await service.startApi([], { ...VARIABLES, ...chain });
  const before = await countScannedRows(database);
  await read(api, 1);
  const scannedRows = (await countScannedRows(database)) - before;
  /** Reads the pages while a worker refreshes all tokens, again and again. */
  const readBeside = async (process) => {
    let isMeasured = false;
    const refreshing = (async () => {
      while (!isMeasured) {
        const running = await requestAll(process, project, collection);
        while (!isMeasured && (await readRefresh(process, project, running)).status !== 'completed') await sleep(200);
      }
    })();
    const result = await read(process, options.pages * 2);
    isMeasured = true;
    await refreshing;
    return result;
  };

  log('reading them beside a worker');
  const worker = await service.startWorker();
  const ownProcess = await readBeside(api);
  await Promise.all([api.stop(), worker.stop()]);
  log('reading them in the process of the worker');
  const all = await service.startAll([], { ...VARIABLES, ...chain });
  const oneProcess = await readBeside(all);
  await all.stop();
  await service.close();
  await database.drop();
  return {
    ownProcess: ownProcess.times,
    oneProcess: oneProcess.times,
    scannedRows,
    busy: ownProcess.busy + oneProcess.busy,
  };
}

async function measureTabs({ postgres, metadataHost, options, log }) {
  const database = await postgres.createDatabase('console_tabs');
  const service = await Service.prepare(database, metadataHost);
  const project = await service.addProject();
  const ids = tokenIds(TIMED_TOKENS);
  const url = `${metadataHost.url}/0/small/tabs`;
  const collection = await service.addCollection(project, url, ids, HOST_CONCURRENCY);
  const process = await service.startAll([], VARIABLES);
  const visitor = await Visitor.signIn(process);
  /** Tokens a second, while so many tabs show the refresh. */
  const refresh = async (count = 0) => {
    let tabs = [];
    const { milliseconds } = await timed(async () => {
      const refreshId = await requestAll(process, project, collection);
      tabs = Array.from({ length: count }, () => openTab(visitor.inNewTab(), refreshId));
      while ((await readRefresh(process, project, refreshId)).status !== 'completed') await sleep(50);
    });
    for (const tab of tabs) tab.close();
    const closed = await Promise.all(tabs.map((tab) => tab.closed));
    const sum = (name) => closed.reduce((total, tab) => total + tab[name], 0);
    return { speed: (ids.length * 1000) / milliseconds, reads: sum('reads'), busy: sum('busy') };
  };
  // Twice: the first fetches change every token, and the process warms up.
  await refresh();
  await refresh(TABS);
  const rounds = [];
  for (let round = 0; round < Math.max(6, options.rounds * 2); round += 1) {
    // In turn, so that what becomes slower or faster meanwhile is on neither side.
    const isFirst = round % 2 === 0;
    const one = await refresh(isFirst ? 0 : TABS);
    const other = await refresh(isFirst ? TABS : 0);
    const [without, withTabs] = isFirst ? [one, other] : [other, one];
    const { reads, busy } = withTabs;
    log(
      `${without.speed.toFixed(0)} tokens/s without tabs, ${withTabs.speed.toFixed(0)} with ${TABS}; ${busy} of ${reads} reads busy`,
    );
    rounds.push({ without: without.speed, withTabs: withTabs.speed, reads, busy });
  }
  await process.stop();
  await service.close();
  await database.drop();
  return { rounds, ratios: rounds.map(({ without, withTabs }) => withTabs / without) };
}

/** The page of a running refresh, with what it reads and how often. */
function openTab(tab, refreshId) {
  const closing = new AbortController();
  const pause = (milliseconds) => setTimeout(milliseconds, undefined, { signal: closing.signal }).catch(() => {});
  const reading = async (path, intervalMs, maxAge = 2) => {
    await pause(Math.random() * intervalMs);
    while (!closing.signal.aborted) {
      await tab.poll(path, maxAge);
      await pause(intervalMs);
    }
  };
  const closed = Promise.all([
    reading(`refreshes/${refreshId}`, 2000, 1),
    reading(`refreshes/${refreshId}/reasons`, 4000),
    reading(`refreshes/${refreshId}/tokens?order=latest`, 2000),
    reading('overview', 15_000),
    reading('session', 60_000),
  ]).then(() => tab);
  return { closed, close: () => closing.abort() };
}

/** Browsers keep their connections. */
const agent = new Agent({ keepAlive: true });

/** Not fetch: it takes more of the machine than the service does for the response. */
async function getOnce(url, headers) {
  const request = get(url, { headers, agent });
  try {
    const [response] = await once(request, 'response');
    return response;
  } catch (error) {
    // The service has closed the idle connection at the same moment. Browsers send the request again, too.
    if (request.reusedSocket && error.code === 'ECONNRESET') return getOnce(url, headers);
    throw error;
  }
}

/** A browser of an operator, or of a partner. */
class Visitor {
  reads = 0;
  /** Reads that were refused because others ran. */
  busy = 0;
  #etags = new Map();

  constructor(api, cookie) {
    this.api = api;
    this.cookie = cookie;
  }

  /** @param project As its partner. Absent: as an operator. */
  static async signIn({ url }, project) {
    const api = `${url}/console/api`;
    const response = await fetch(`${api}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-nft-console': '1', 'sec-fetch-site': 'same-origin' },
      body: JSON.stringify(
        project ? { kind: 'api_key', apiKey: project.apiKey } : { kind: 'operator_secret', secret: SECRET },
      ),
    });
    if (!response.ok) throw new Error(`Signing in failed with ${response.status}`);
    return new Visitor(api, response.headers.get('set-cookie').split(';', 1)[0]);
  }

  /** It has the session, and nothing that was read before. */
  inNewTab() {
    return new Visitor(this.api, this.cookie);
  }

  /** As a page reads again what it shows. */
  poll(path, maxAge) {
    return this.read(path, { 'cache-control': `max-age=${maxAge}` });
  }

  /** A page that is told to try again later keeps its rows. */
  async read(path, more = {}) {
    const etag = this.#etags.get(path);
    const headers = { cookie: this.cookie, ...more, ...(etag && { 'if-none-match': etag }) };
    const response = await getOnce(`${this.api}/${path}`, headers);
    response.resume();
    await once(response, 'end');
    this.reads += 1;
    if (response.statusCode === 503) this.busy += 1;
    if (![200, 304, 503].includes(response.statusCode)) {
      throw new Error(`${path} responded with ${response.statusCode}`);
    }
    if (response.headers.etag) this.#etags.set(path, response.headers.etag);
  }
}

/** Rows of the large tables that sequential scans have read so far. A scan of a table that is empty reads none. */
async function countScannedRows(database) {
  // The counters of other sessions arrive within a second.
  await sleep(2000);
  const [{ rows }] = await database.query(
    `select coalesce(sum(seq_tup_read), 0)::int8::text as rows from pg_stat_user_tables
     where schemaname = 'nft_metadata' and relname = any($1)`,
    [LARGE_TABLES],
  );
  return Number(rows);
}

/** What other pages show: refreshes of two thousand tokens that have failed, some of other hosts, a webhook and a reveal. */
async function writeOthers(database, { project, collection, url }) {
  const { host } = new URL(url);
  await database.query(
    `with refresh as (
       insert into nft_metadata.refreshes
         (id, project_id, collection_id, collection_address, source, total, failed, created_at, completed_at)
       select gen_random_uuid(), $1, gen_random_uuid(), '0x' || lpad(to_hex(1000000 + n), 40, '0'),
         jsonb_build_object('kind', 'metadata_api', 'url',
           case when n % 4 = 0 then 'https://Host-' || n || '.example:443/{id}' else $2::text end),
         10, 10, now() - n * interval '1 minute', now() - n * interval '1 minute'
       from generate_series(1, 200) as n
       returning id, completed_at
     )
     insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, status_code, created_at)
     select id, token, $2::text, 'invalid_response_status_code', 'status_404', 404, completed_at
     from refresh cross join generate_series(1, 10) as token`,
    [project.id, url],
  );
  await database.query(
    `insert into nft_metadata.refresh_host_minutes (host, minute, outcome, responses, total_ms, durations)
     select $1, date_trunc('minute', now()) - n * interval '1 minute', outcome, 100, 2000, '{0,0,40,60}'
     from generate_series(1, 60) as n cross join unnest(array['fetched', 'timeout']) as outcome`,
    [host],
  );
  const [{ id: webhookId }] = await database.query(
    `with webhook as (
       insert into nft_metadata.webhooks (id, project_id, url, event_types, created_at, disabled_at, disabled_reason)
       values (gen_random_uuid(), $1, 'https://partner.example/hook', '{refresh.completed}', now(), now(), 'for this benchmark')
       returning id
     )
     insert into nft_metadata.event_cursors (kind, name, position, event_index, due_at)
     select 'webhook', id::text, 0, 0, 'infinity' from webhook returning name as id`,
    [project.id],
  );
  await database.query(
    `insert into nft_metadata.webhook_deliveries
       (webhook_id, message_id, event_type, events, attempt, status_code, duration_ms, attempted_at)
     select $1, 'msg_' || n, 'refresh.completed', 1, 1, 200, 30, now() - n * interval '1 minute' from generate_series(1, 5000) as n`,
    [webhookId],
  );
  const [{ id: revealId }] = await database.query(
    `insert into nft_metadata.reveals
       (id, project_id, collection_id, collection_address, refresh_id, state, publish, min_succeeded, total, created_at, expires_at,
        ended_at)
     select gen_random_uuid(), $1, $2::uuid, $3, id, 'cancelled', 'manual', 1, 10, created_at, now(), now()
     from nft_metadata.refreshes where project_id = $1 limit 1 returning id`,
    [project.id, collection.id, collection.address],
  );
  return { webhookId, revealId };
}

/** A completed refresh, as workers would have left it: one of a hundred tokens has failed, three are held, one for a rare reason. */
async function writeRefresh(database, { project, collection, url, options }) {
  const { queued: tokens, finishedTokens: attempts } = options;
  const id = randomUUID();
  const query = (text, values) => database.query(text, values);
  await query(`insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)`, [
    collection.id,
    tokens,
  ]);
  const failed = Math.floor(tokens / FAILED_OF);
  await query(
    `insert into nft_metadata.refreshes
       (id, project_id, collection_id, collection_address, source, total, succeeded, failed, held, created_at, completed_at)
     values ($1::uuid, $2, $3::uuid, $4, jsonb_build_object('kind', 'metadata_api', 'url', $5::text), $6::int, $6::int - $7::int, $7::int, 3,
       now() - interval '1 hour', now())`,
    [id, project.id, collection.id, collection.address, url, tokens, failed],
  );
  await query(
    `insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
     select $1::uuid, now() - (1000000 - n) * interval '3 milliseconds', 1, 1,
       case when n % $3::int = 0 then 'f' when n in (7, $2::int / 2 + 7, $2::int - 7) then 'h' else 'u' end::"char", n
     from generate_series(1, $2::int) as n`,
    [id, tokens, FAILED_OF],
  );
  await query(
    `insert into nft_metadata.refresh_errors
       (refresh_id, token_id, metadata_url, error_code, reason, created_at)
     select $1::uuid, n, $4::text, case when n = $2::int then 'unable_to_decode_response' else 'unable_to_retrieve_metadata' end,
       case when n = $2::int then 'invalid_json' else ($5::text[])[1 + (n / $3::int) % cardinality($5::text[])] end,
       now() - interval '10 minutes'
     from generate_series($3::int, $2::int, $3::int) as n`,
    [id, failed * FAILED_OF, FAILED_OF, `${url}/1`, REASONS],
  );
  await query(
    `insert into nft_metadata.refresh_reasons (refresh_id, error_code, reason, count, example_token_id)
     select refresh_id, error_code, reason, count(*), min(token_id) from nft_metadata.refresh_errors
     where refresh_id = $1::uuid group by refresh_id, error_code, reason`,
    [id],
  );
  await query(
    `insert into nft_metadata.refresh_attempts
       (collection_id, token_id, refresh_id, attempt, url, outcome, status_code, duration_ms, bytes, attempted_at)
     select $1::uuid, 1 + n % $2::int, $3::uuid, 1, $4::text, 'fetched', 200, 20, 500, now() - (1 - n::float8 / $5::int) * interval '7 days'
     from generate_series(0, $5::int - 1) as n`,
    [collection.id, tokens, id, `${url}/1`, attempts],
  );
  return id;
}
