import { Link } from 'wouter-preact';
import type { HostList } from '../../src/wire/index.js';
import { withQuery } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { useRead } from '../data/queries.js';
import { Head } from '../parts/head.js';
import { HostName, hostPath } from '../parts/names.js';
import { BoundedCount, Empty, FilteredToNothing, Loaded } from '../parts/states.js';
import { Cell, Pager, Row, RowLink, Table, Tabs } from '../parts/table.js';
import { Age, Countdown } from '../parts/time.js';
import { HOST_SIGNS, Pill } from '../parts/verdict.js';
import { formatCount, formatRate, formatShare, plural } from '../text/numbers.js';

const STATES = [
  { state: null, text: 'All' },
  { state: 'resting', text: 'In cooldown' },
  { state: 'failing', text: 'Failing' },
  { state: 'slow', text: 'Slow' },
] as const;

/** Which hosts are in cooldown, hang or fail; how fast may we ask? */
export function HostsPage() {
  const filters = useFilters('state');
  const list = useRead<HostList>(withQuery('hosts', { ...filters.values, cursor: filters.cursor }));
  return (
    <>
      <Head title="Hosts" tabTitle="Hosts" path={[{ text: 'Hosts' }]}>
        <p class="lede">
          The servers that metadata is fetched from, and the contracts that are read. Figures are of the last hour.
        </p>
      </Head>
      <section class="card" aria-label="Hosts">
        <div class="tools">
          <Tabs
            label="State"
            choices={STATES.map(({ state, text }) => ({
              text,
              href: filters.linkWith({ state }),
              isCurrent: filters.values.state === state,
            }))}
          />
        </div>
        <Loaded read={list}>
          {(data) =>
            data.rows.length === 0 ? (
              filters.values.state === null && filters.cursor === null ? (
                <Empty icon="host" title="No host has been asked yet">
                  <p>
                    They are here as soon as a <Link href="/refreshes">refresh</Link> needs them.
                  </p>
                </Empty>
              ) : (
                <FilteredToNothing what="hosts" clear="/hosts" />
              )
            ) : (
              <>
                <Table
                  label="Hosts"
                  heads={[
                    'Host',
                    'State',
                    { text: 'Concurrent requests', isNumber: true },
                    { text: 'Waiting', isNumber: true },
                    { text: 'Oldest', isNumber: true },
                    { text: 'Per second', isNumber: true },
                    { text: 'Good', isNumber: true },
                    { text: 'Half within', isNumber: true },
                  ]}
                >
                  {data.rows.map((host) => (
                    <HostRow key={host.host} host={host} />
                  ))}
                </Table>
                <Pager filters={filters} next={data.next}>
                  <span>
                    {data.rows.length < data.total
                      ? `${formatCount(data.rows.length)} of ${plural(data.total, 'host')}: those that need attention first, then those whose tokens wait longest`
                      : plural(data.total, 'host')}
                  </span>
                </Pager>
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}

function HostRow({ host }: { host: HostList['rows'][number] }) {
  const { concurrency, responses, good } = host;
  return (
    <Row>
      <Cell>
        <RowLink href={hostPath(host.host)}>
          <span>
            <b>
              <HostName host={host.host} />
            </b>
            {host.others && host.others.projects > 0 && (
              <small>
                other projects: <BoundedCount count={host.others.waiting} /> waiting
              </small>
            )}
          </span>
        </RowLink>
      </Cell>
      <Cell>
        <Pill {...HOST_SIGNS[host.state]} />
        {host.cooldownUntil !== null && (
          <small class="under">
            <Countdown until={host.cooldownUntil} />
          </small>
        )}
      </Cell>
      <Cell isNumber hide>
        {formatCount(concurrency.inUse ?? 0)}
        <small>of {formatCount(concurrency.inForce ?? concurrency.limit)}</small>
      </Cell>
      <Cell isNumber label="Waiting">
        <BoundedCount count={host.waiting} />
      </Cell>
      <Cell isNumber label="Oldest">
        {host.oldestDueAt === null ? <span class="faint">–</span> : <Age at={host.oldestDueAt} />}
      </Cell>
      <Cell isNumber hide>
        {formatRate(host.perSecond)}
      </Cell>
      <Cell isNumber hide>
        {good === null ? <span class="faint">–</span> : formatShare(Math.round(good * responses), responses)}
      </Cell>
      <Cell isNumber hide>
        {host.medianMs === null ? <span class="faint">–</span> : `${formatCount(host.medianMs)} ms`}
      </Cell>
    </Row>
  );
}
