import { useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { Refresh, RefreshList, Session } from '../../src/wire/index.js';
import { MOUNT, withQuery } from '../data/api.js';
import { useFilters, type Filters } from '../data/filters.js';
import { useRead } from '../data/queries.js';
import { Copy, ForeignName } from '../parts/foreign.js';
import { Glyph } from '../parts/glyph.js';
import { Head } from '../parts/head.js';
import { CollectionLabel, nameOf, shortAddress, shortUuid } from '../parts/names.js';
import { doneOf, RefreshBar } from '../parts/refresh-progress.js';
import { Empty, FilteredToNothing, Loaded } from '../parts/states.js';
import { Cell, Chips, Pager, Row, RowLink, Table, Tabs } from '../parts/table.js';
import { Age, Countdown, When } from '../parts/time.js';
import { Pill, REFRESH_SIGNS } from '../parts/verdict.js';
import { formatCount, formatPercent, plural } from '../text/numbers.js';
import { TRIGGER_WORDS } from '../text/refreshes.js';
import { formatTook, secondsBetween } from '../text/times.js';

type FilterName = 'project' | 'collection' | 'status' | 'trigger';

const STATUSES = [
  { status: null, text: 'All' },
  { status: 'running', text: 'Running' },
  { status: 'done', text: 'Done' },
  { status: 'with-failures', text: 'With failures' },
] as const;

/** What is running, how far, done when? */
export function RefreshesPage({ session }: { session: Session }) {
  const filters = useFilters<FilterName>('project', 'collection', 'status', 'trigger');
  const list = useRead<RefreshList>(withQuery('refreshes', { ...filters.values, cursor: filters.cursor }));
  return (
    <>
      <Head
        title="Refreshes"
        tabTitle="Refreshes"
        path={[{ text: 'Refreshes' }]}
        actions={
          session.mayAct && (
            <Link class="btn" href={withQuery('/refreshes/new', { collection: filters.values.collection })}>
              New refresh
            </Link>
          )
        }
      >
        <p class="lede">Each request for tokens, the newest first.</p>
      </Head>
      <section class="card" aria-label="Refreshes">
        <div class="tools">
          <Tabs
            label="Status"
            choices={STATUSES.map(({ status, text }) => ({
              text,
              href: filters.linkWith({ status }),
              isCurrent: filters.values.status === status,
            }))}
          />
          <TriggerFilter filters={filters} />
        </div>
        <Loaded read={list}>{(data) => <List list={data} filters={filters} session={session} />}</Loaded>
      </section>
    </>
  );
}

function TriggerFilter({ filters }: { filters: Filters<FilterName> }) {
  return (
    <label class="end choose">
      Asked by
      <select
        class="input slim"
        value={filters.values.trigger ?? ''}
        onChange={({ currentTarget }) => filters.set({ trigger: currentTarget.value || null })}
      >
        <option value="">a request</option>
        <option value="all">anything</option>
        {Object.entries(TRIGGER_WORDS).map(([trigger, word]) => (
          <option key={trigger} value={trigger}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}

function List({ list, filters, session }: { list: RefreshList; filters: Filters<FilterName>; session: Session }) {
  const isOperator = session.person?.kind === 'operator';
  const { shown, fresh, showFresh } = useHeldBack(list.rows, JSON.stringify([filters.values, filters.cursor]));
  const chips = chipsOf(list.rows, filters);
  const isFiltered = Object.values(filters.values).some((value) => value !== null);
  if (list.rows.length === 0) {
    return (
      <>
        {chips.length > 0 && (
          <div class="tools">
            <Chips chips={chips} />
          </div>
        )}
        {isFiltered || filters.cursor !== null ? (
          <FilteredToNothing what="refreshes" clear="/refreshes" />
        ) : (
          <FirstRefresh list={list} session={session} />
        )}
      </>
    );
  }
  const heads = ['Collection', 'Progress', { text: 'Failed', isNumber: true }];
  return (
    <>
      {(chips.length > 0 || fresh > 0) && (
        <div class="tools">
          <Chips chips={chips} />
          {fresh > 0 && (
            <button type="button" class="btn small" onClick={showFresh}>
              {formatCount(fresh)} new
            </button>
          )}
        </div>
      )}
      <Table
        label="Refreshes, newest first"
        heads={[
          ...heads,
          ...(isOperator ? ['Project'] : []),
          'Asked by',
          { text: 'Started', isNumber: true },
          { text: 'Took', isNumber: true },
        ]}
      >
        {shown.map((refresh) => (
          <RefreshRow key={refresh.id} refresh={refresh} isOperator={isOperator} />
        ))}
      </Table>
      <Pager filters={filters} next={list.next}>
        <span>{plural(list.rows.length, 'refresh', 'refreshes')} on this page</span>
      </Pager>
    </>
  );
}

function RefreshRow({ refresh, isOperator }: { refresh: Refresh; isOperator: boolean }) {
  const { state, total, failed } = refresh;
  return (
    <Row>
      <Cell>
        <RowLink href={`/refreshes/${refresh.id}`}>
          <Glyph seed={refresh.collection.address} />
          <span>
            <b>
              <CollectionLabel collection={refresh.collection} />
            </b>
            <small class="mono sentence">
              {refresh.collection.name !== null && (
                <>
                  <span class="nowrap">{shortAddress(refresh.collection.address)}</span> ·{' '}
                </>
              )}
              <span class="nowrap">{shortUuid(refresh.id)}</span>
            </small>
          </span>
        </RowLink>
      </Cell>
      <Cell isWide>
        <span class="progress-cell">
          <Pill {...REFRESH_SIGNS[state]} />
          <span class="mini">
            <RefreshBar refresh={refresh} />
          </span>
          <span class="faint small nowrap">
            {formatPercent(doneOf(refresh), total)} of {formatCount(total)}
          </span>
        </span>
        {refresh.cooldown && (
          <small class="under">
            host in cooldown for <Countdown until={refresh.cooldown.until} />
          </small>
        )}
      </Cell>
      <Cell isNumber label="Failed">
        {failed > 0 ? (
          <Link
            class="problem"
            href={`/refreshes/${refresh.id}?verdict=failed`}
            aria-label={`Show the ${plural(failed, 'failed token')}`}
          >
            {formatCount(failed)}
          </Link>
        ) : (
          <span class="faint">0</span>
        )}
      </Cell>
      {isOperator && <Cell hide>{refresh.project ? <ForeignName text={refresh.project.name} max={40} /> : '–'}</Cell>}
      <Cell hide>{TRIGGER_WORDS[refresh.trigger]}</Cell>
      <Cell isNumber label="Started">
        <When at={refresh.createdAt} />
      </Cell>
      <Cell isNumber hide>
        <Took refresh={refresh} />
      </Cell>
    </Row>
  );
}

function Took({ refresh: { state, createdAt, begunAt, completedAt } }: { refresh: Refresh }) {
  if (state === 'scheduled') return <span class="faint">–</span>;
  const from = begunAt ?? createdAt;
  if (completedAt === null) {
    return (
      <span class="faint">
        <Age at={from} />
      </span>
    );
  }
  return <>{formatTook(secondsBetween(from, completedAt))}</>;
}

/** Rows of running refreshes change in place, but new ones wait: what somebody is about to click does not move. */
function useHeldBack(rows: readonly Refresh[], key: string) {
  const known = useRef<{ key: string; ids: Set<string> }>({ key: '', ids: new Set() });
  const [, setVersion] = useState(0);
  const isFirst = known.current.key !== key || known.current.ids.size === 0;
  if (isFirst) known.current = { key, ids: new Set(rows.map(({ id }) => id)) };
  const shown = rows.filter(({ id }) => known.current.ids.has(id));
  return {
    shown,
    fresh: rows.length - shown.length,
    showFresh: () => {
      known.current = { key, ids: new Set(rows.map(({ id }) => id)) };
      setVersion((version) => version + 1);
    },
  };
}

function chipsOf(rows: readonly Refresh[], { values, linkWith }: Filters<FilterName>) {
  const chips: { text: string; href: string }[] = [];
  if (values.project !== null) {
    const name = rows.find(({ project }) => project?.id === values.project)?.project?.name ?? shortUuid(values.project);
    chips.push({ text: `Project: ${name}`, href: linkWith({ project: null }) });
  }
  if (values.collection !== null) {
    const found = rows.find(({ collection }) => collection.id === values.collection)?.collection;
    const name = found ? nameOf(found) : shortUuid(values.collection);
    chips.push({ text: `Collection: ${name}`, href: linkWith({ collection: null }) });
  }
  return chips;
}

function FirstRefresh({ list: { firstCollection }, session }: { list: RefreshList; session: Session }) {
  const { person, api } = session;
  if (person?.kind === 'operator' || firstCollection === null || api === null) {
    return (
      <Empty icon="list" title="No refresh yet">
        <p>
          {person?.kind === 'partner' && firstCollection === null
            ? 'Your project has no collection yet. Ask the marketplace to register it.'
            : 'As soon as a project requests one, it is here.'}
        </p>
      </Empty>
    );
  }
  const command = [
    `curl ${new URL(`${api.path}/metadata-refreshes`, MOUNT)} \\`,
    `  -H 'x-api-key: YOUR_KEY' -H 'content-type: application/json' \\`,
    `  -d '${JSON.stringify({ collection_address: firstCollection.address, token_ids: ['1', '2', '3'] })}'`,
  ].join('\n');
  return (
    <Empty icon="list" title="No refresh yet">
      <p>
        Request the first one for {nameOf(firstCollection)}: <Copy text={command} what="command" />
      </p>
      <pre class="box" tabindex={0}>
        {command}
      </pre>
    </Empty>
  );
}
