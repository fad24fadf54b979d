import type { ProjectList } from '../../src/wire/index.js';
import { withQuery } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { LIST_MS, useRead } from '../data/queries.js';
import { Meter } from '../parts/bar.js';
import { ForeignName } from '../parts/foreign.js';
import { Head } from '../parts/head.js';
import { shortAddress, shortUuid } from '../parts/names.js';
import { Empty, Loaded } from '../parts/states.js';
import { Cell, Pager, Row, RowLink, Table } from '../parts/table.js';
import { Ago } from '../parts/time.js';
import { formatCount, plural } from '../text/numbers.js';

/** Who uses how much of their limits? */
export function ProjectsPage() {
  const filters = useFilters();
  const list = useRead<ProjectList>(withQuery('projects', { cursor: filters.cursor }), LIST_MS * 2);
  return (
    <>
      <Head title="Projects" tabTitle="Projects" path={[{ text: 'Projects' }]}>
        <p class="lede">Who may request refreshes, and how much of their quota is used.</p>
      </Head>
      <section class="card" aria-label="Projects">
        <Loaded read={list}>
          {({ rows, next }) =>
            rows.length === 0 ? (
              <Empty icon="people" title="No project yet">
                <p>
                  Create one with <span class="mono">cli project create</span>.
                </p>
              </Empty>
            ) : (
              <>
                <Table
                  label="Projects"
                  heads={[
                    'Name',
                    'Owner',
                    'Quota used',
                    { text: 'Keys', isNumber: true },
                    { text: 'Collections', isNumber: true },
                    { text: 'Last refresh', isNumber: true },
                  ]}
                >
                  {rows.map(({ id, name, ownerAddress, quota, keys, collections, lastRefreshAt }) => (
                    <Row key={id}>
                      <Cell>
                        <RowLink href={`/projects/${id}`}>
                          <span>
                            <b>
                              <ForeignName text={name} />
                            </b>
                            <small class="mono">{shortUuid(id)}</small>
                          </span>
                        </RowLink>
                      </Cell>
                      <Cell hide>
                        <span class="mono">{shortAddress(ownerAddress)}</span>
                      </Cell>
                      <Cell label="Quota">
                        <span class="mini">
                          <Meter
                            used={quota.used}
                            limit={quota.limit}
                            label={`${formatCount(quota.used)} of ${formatCount(quota.limit)} tokens used`}
                          />
                        </span>
                        <small class="under">
                          {formatCount(quota.used)} of {formatCount(quota.limit)}
                        </small>
                      </Cell>
                      <Cell isNumber hide>
                        {formatCount(keys)}
                      </Cell>
                      <Cell isNumber hide>
                        {formatCount(collections)}
                      </Cell>
                      <Cell isNumber hide>
                        {lastRefreshAt === null ? <span class="faint">never</span> : <Ago at={lastRefreshAt} />}
                      </Cell>
                    </Row>
                  ))}
                </Table>
                <Pager filters={filters} next={next} back="Back" onward="More">
                  <span>{plural(rows.length, 'project')} on this page</span>
                </Pager>
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}
