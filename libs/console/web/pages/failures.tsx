import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { FailedTokens, Failures, NewRefresh, Session } from '../../src/wire/index.js';
import { send, withQuery } from '../data/api.js';
import { useFilters, type Filters } from '../data/filters.js';
import { LIST_MS, SLOW_MS, useAction, useRead } from '../data/queries.js';
import { Spark } from '../parts/chart.js';
import { Ask } from '../parts/dialog.js';
import { Foreign, ForeignName } from '../parts/foreign.js';
import { Head } from '../parts/head.js';
import { CollectionLabel, hostText, nameOf, shortUuid, tokenPath } from '../parts/names.js';
import { Empty, FilteredToNothing, Loaded } from '../parts/states.js';
import { Cell, Chips, Pager, Row, RowLink, Table, Tabs } from '../parts/table.js';
import { Age, Ago, When } from '../parts/time.js';
import { adviceFor, OWNERS, retrySentence } from '../advice.js';
import { formatCount, plural } from '../text/numbers.js';
import { shortId } from '../text/token-ids.js';

type Group = Failures['groups'][number];
type FilterName = 'since' | 'group' | 'reason' | 'host' | 'project' | 'collection';

const WINDOWS = [
  { since: '1h', text: 'Last hour' },
  { since: '24h', text: '24 hours' },
  { since: '7d', text: '7 days' },
] as const;
const GROUPS = [
  { group: 'reason', text: 'Reason' },
  { group: 'host', text: 'Host' },
  { group: 'project', text: 'Project' },
  { group: 'collection', text: 'Collection' },
] as const;

/** What fails most, since when, and whose fault is it? */
export function FailuresPage({ session }: { session: Session }) {
  const filters = useFilters<FilterName>('since', 'group', 'reason', 'host', 'project', 'collection');
  const { values, linkWith } = filters;
  const isOperator = session.person?.kind === 'operator';
  const since = values.since ?? '1h';
  const group = values.group ?? 'reason';
  const isOpen = filters.values[group as keyof typeof values] !== null && group in values;
  return (
    <>
      <Head title="Failures" tabTitle="Failures" path={[{ text: 'Failures' }]}>
        <p class="lede">
          Tokens that failed, in groups, the largest first. A failure never changes what a token shows.
        </p>
      </Head>
      <section class="card" aria-label="Failures">
        <div class="tools">
          <Tabs
            label="Window"
            choices={WINDOWS.map(({ since: window, text }) => ({
              text,
              href: linkWith({ since: window }),
              isCurrent: since === window,
            }))}
          />
          <span class="end">
            <Tabs
              label="Group by"
              choices={GROUPS.filter(({ group: by }) => isOperator || by !== 'project').map(({ group: by, text }) => ({
                text,
                href: linkWith({ group: by }),
                isCurrent: group === by,
              }))}
            />
          </span>
          <Chips chips={chipsOf(filters)} />
        </div>
        {isOpen ? (
          <FailedTokensList filters={filters} since={since} />
        ) : (
          <Groups filters={filters} since={since} group={group} mayAct={session.mayAct} isOperator={isOperator} />
        )}
      </section>
    </>
  );
}

function chipsOf({ values, linkWith }: Filters<FilterName>) {
  const names = ['reason', 'host', 'project', 'collection'] as const;
  return names.flatMap((name) => {
    const value = values[name];
    if (value === null) return [];
    const text = name === 'host' ? hostText(value) : name === 'reason' ? value : shortUuid(value);
    return [{ text: `${name}: ${text}`, href: linkWith({ [name]: null }) }];
  });
}

function Groups({
  filters,
  since,
  group,
  mayAct,
  isOperator,
}: {
  filters: Filters<FilterName>;
  since: string;
  group: string;
  mayAct: boolean;
  isOperator: boolean;
}) {
  const { reason, host, project, collection } = filters.values;
  const read = useRead<Failures>(
    withQuery('failures', { since, group, reason, host, project, collection }),
    LIST_MS * 2,
  );
  const [retried, setRetried] = useState<Group | null>(null);
  return (
    <>
      <Loaded read={read}>
        {(data) =>
          data.groups.length === 0 ? (
            [reason, host, project, collection].every((value) => value === null) ? (
              <Empty title="No token failed in this window">
                <p>
                  Look further back, or at the <Link href="/refreshes">refreshes</Link>.
                </p>
              </Empty>
            ) : (
              <FilteredToNothing what="failures" clear={`/failures?since=${since}`} />
            )
          ) : (
            <>
              <Table
                label="Failures in groups, the largest first"
                heads={[
                  group === 'reason' ? 'Reason' : sentenceCase(group),
                  { text: 'Tokens', isNumber: true },
                  'Trend',
                  group === 'host' ? 'Why' : 'Where',
                  { text: 'First', isNumber: true },
                  { text: 'Last', isNumber: true },
                  ...(mayAct ? [{ text: 'Actions', isNumber: true }] : []),
                ]}
              >
                {data.groups.map((row) => (
                  <GroupRow
                    key={row.key}
                    group={row}
                    by={data.group}
                    link={filters.linkWith({ [group]: row.key, group })}
                    {...(mayAct && { onRetry: () => setRetried(row) })}
                  />
                ))}
              </Table>
              <p class="foot">
                <span>
                  {plural(data.tokens, 'token')} since <When at={data.from} />
                  {!data.isComplete &&
                    '. There are more: only the newest 100,000 failures, of 5,000 refreshes, are counted.'}
                </span>
              </p>
            </>
          )
        }
      </Loaded>
      {retried && <RetryGroup group={retried} isOperator={isOperator} onClose={() => setRetried(null)} />}
    </>
  );
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function GroupRow({
  group,
  by,
  link,
  onRetry,
}: {
  group: Group;
  by: Failures['group'];
  link: string;
  onRetry?: () => void;
}) {
  const { key, label, advice, tokens, firstAt, lastAt, trend, where } = group;
  const owner = by === 'reason' ? adviceFor(key)?.owner : undefined;
  return (
    <Row>
      <Cell>
        <RowLink href={link}>
          <span>
            <b>{advice ? advice.title : by === 'host' ? hostText(label) : <ForeignName text={label} />}</b>
            {by === 'reason' && (
              <small class="sentence">
                <span class="mono">{key}</span>
                {owner && ` · lies with ${OWNERS[owner]}`}
              </small>
            )}
          </span>
        </RowLink>
      </Cell>
      <Cell isNumber>
        <span class="problem strong-count">{formatCount(tokens)}</span>
      </Cell>
      <Cell hide>
        <Spark
          values={trend}
          label={`${trend.map(formatCount).join(', ')}: tokens in twelve parts of the window, the oldest first`}
        />
      </Cell>
      <Cell isWide>
        <span class="small muted">
          {where.map(({ label: place, tokens: count }, index) => (
            <span key={place}>
              {index > 0 && ', '}
              {by === 'host' ? <span class="mono">{place}</span> : <ForeignName text={hostText(place)} />} (
              {formatCount(count)})
            </span>
          ))}
        </span>
      </Cell>
      <Cell isNumber hide>
        <Ago at={firstAt} />
      </Cell>
      <Cell isNumber label="Last">
        <Ago at={lastAt} />
      </Cell>
      {onRetry && (
        <Cell isNumber>
          <button type="button" class="btn small" aria-label={`Retry ${label}`} onClick={onRetry}>
            Retry …
          </button>
        </Cell>
      )}
    </Row>
  );
}

/** A retry is of one refresh, so that it has a page and a quota: those with the most of these tokens are offered. */
function RetryGroup({ group, isOperator, onClose }: { group: Group; isOperator: boolean; onClose: () => void }) {
  const { isBusy, run } = useAction();
  const [chosen, setChosen] = useState(group.refreshes[0]?.id ?? null);
  const refresh = group.refreshes.find(({ id }) => id === chosen);
  const confirm = async () => {
    await run(async () => {
      const { refreshId } = await send<NewRefresh>('POST', `refreshes/${chosen}/retry`, {
        ...(group.advice && { reasons: [group.key] }),
      });
      return {
        tone: 'ok',
        text: `The failed tokens of ${nameOf(refresh!.collection)} are requested again, in a new refresh.`,
        link: { href: `/refreshes/${refreshId}`, text: 'Show it' },
      };
    });
    onClose();
  };
  return (
    <Ask
      title="Retry failed tokens?"
      safe="Not now"
      action={refresh ? `Retry ${formatCount(refresh.tokens)}` : 'Retry'}
      isBusy={isBusy}
      isReady={refresh !== undefined}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <p>
        Each refresh is retried by itself, and counts towards the quota of {isOperator ? 'its project' : 'your project'}
        . Which one?
      </p>
      <fieldset class="choices">
        <legend class="sr">Refresh</legend>
        {group.refreshes.map(({ id, project, collection, tokens }) => (
          <label key={id} class="check">
            <input type="radio" name="refresh" checked={id === chosen} onChange={() => setChosen(id)} />
            <span>
              <CollectionLabel collection={collection} />, {plural(tokens, 'token')}
              <small class="under faint">
                {project && `${project.name} · `}
                <span class="mono">{shortUuid(id)}</span>
              </small>
            </span>
          </label>
        ))}
      </fieldset>
    </Ask>
  );
}

function FailedTokensList({ filters, since }: { filters: Filters<FilterName>; since: string }) {
  const { reason, host, project, collection } = filters.values;
  const read = useRead<FailedTokens>(
    withQuery('failures/tokens', { since, reason, host, project, collection, cursor: filters.cursor }),
    SLOW_MS,
  );
  return (
    <Loaded read={read}>
      {({ rows, next }) => {
        const [first] = rows;
        if (!first) return <FilteredToNothing what="failures" clear={`/failures?since=${since}`} />;
        return (
          <>
            {reason !== null && (
              <p class="tools muted">
                {first.title}. {first.advice} {retrySentence(reason)}
              </p>
            )}
            <Table
              label="Failed tokens, newest first"
              heads={[
                'Token',
                'Reason',
                'What was requested',
                { text: 'Status', isNumber: true },
                { text: 'When', isNumber: true },
              ]}
            >
              {rows.map((token) => (
                <FailedToken key={token.refreshId + token.tokenId} token={token} />
              ))}
            </Table>
            <Pager filters={filters} next={next}>
              <span>{plural(rows.length, 'token')} on this page</span>
            </Pager>
          </>
        );
      }}
    </Loaded>
  );
}

function FailedToken({ token }: { token: FailedTokens['rows'][number] }) {
  return (
    <Row>
      <Cell>
        <RowLink href={tokenPath(token.collection, token.tokenId)}>
          <span>
            <b class="mono" title={token.tokenId}>
              {shortId(token.tokenId)}
            </b>
            <small>
              <CollectionLabel collection={token.collection} />
            </small>
          </span>
        </RowLink>
      </Cell>
      <Cell>
        <span class="code">{token.reason}</span>
      </Cell>
      <Cell isWide>
        <span class="small">
          {token.metadataUrl === '' ? <span class="faint">nothing</span> : <Foreign text={token.metadataUrl} mono />}
        </span>
        {token.body !== null && token.body.trim() !== '' && (
          <small class="under">
            It sent: <Foreign text={token.body} max={80} mono />
          </small>
        )}
      </Cell>
      <Cell isNumber hide>
        {token.statusCode ?? '–'}
      </Cell>
      <Cell isNumber hide>
        <Link href={`/refreshes/${token.refreshId}?verdict=failed`}>
          <Age at={token.at} />
        </Link>
      </Cell>
    </Row>
  );
}
