import { Link } from 'wouter-preact';
import type { WorkerList } from '../../src/wire/index.js';
import { LIST_MS, useRead } from '../data/queries.js';
import { Head } from '../parts/head.js';
import { HostName, hostPath } from '../parts/names.js';
import { Empty, Loaded } from '../parts/states.js';
import { Cell, Row, Table } from '../parts/table.js';
import { Ago, When } from '../parts/time.js';
import { Pill, WORKER_SIGNS } from '../parts/verdict.js';
import { formatCount, plural } from '../text/numbers.js';

/** Do workers live, and who asks whom? */
export function WorkersPage() {
  const list = useRead<WorkerList>('workers', LIST_MS);
  return (
    <>
      <Head title="Workers" tabTitle="Workers" path={[{ text: 'Workers' }]}>
        <p class="lede">The processes that fetch. Those that were seen in the last day, the newest first.</p>
      </Head>
      <section class="card" aria-label="Workers">
        <Loaded read={list}>
          {({ rows }) =>
            rows.length === 0 ? (
              <Empty icon="gear" title="No worker was seen in the last day">
                <p>
                  Tokens wait until one runs: start the service with <span class="mono">RUN_MODE=all</span> or{' '}
                  <span class="mono">worker</span>.
                </p>
              </Empty>
            ) : (
              <>
                <Table
                  label="Workers"
                  heads={[
                    'Worker',
                    'State',
                    'Hosts it asks',
                    { text: 'Open requests', isNumber: true },
                    { text: 'Here since', isNumber: true },
                    { text: 'Last seen', isNumber: true },
                    'Version',
                  ]}
                >
                  {rows.map((worker) => (
                    <WorkerRow key={worker.id} worker={worker} />
                  ))}
                </Table>
                <p class="foot">{plural(rows.filter(({ state }) => state === 'alive').length, 'worker')} alive</p>
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}

const MAX_HOSTS = 5;

function WorkerRow({
  worker: { name, state, hosts, startedAt, lastHeartbeatAt, version },
}: {
  worker: WorkerList['rows'][number];
}) {
  const inUse = hosts.reduce((sum, host) => sum + host.inUse, 0);
  return (
    <Row>
      <Cell>
        <b class="mono">{name}</b>
      </Cell>
      <Cell>
        <Pill {...WORKER_SIGNS[state]} />
      </Cell>
      <Cell isWide label="Asks">
        {hosts.length === 0 ? (
          <span class="faint">none</span>
        ) : (
          <span class="small">
            {hosts.slice(0, MAX_HOSTS).map(({ host, share, inUse: open }, index) => (
              <span key={host}>
                {index > 0 && ', '}
                <Link class="link" href={hostPath(host)}>
                  <HostName host={host} />
                </Link>{' '}
                <span class="faint">
                  {open} of {share}
                </span>
              </span>
            ))}
            {hosts.length > MAX_HOSTS && ` and ${formatCount(hosts.length - MAX_HOSTS)} more`}
          </span>
        )}
      </Cell>
      <Cell isNumber label="Open">
        {formatCount(inUse)}
      </Cell>
      <Cell isNumber hide>
        <When at={startedAt} />
      </Cell>
      <Cell isNumber label="Seen">
        <Ago at={lastHeartbeatAt} />
      </Cell>
      <Cell hide>
        <span class="mono faint">{version}</span>
      </Cell>
    </Row>
  );
}
