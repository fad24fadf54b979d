import type { Session, WebhookList } from '../../src/wire/index.js';
import { MOUNT, withQuery } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { LIST_MS, useRead } from '../data/queries.js';
import { Foreign, ForeignName } from '../parts/foreign.js';
import { Head } from '../parts/head.js';
import { BoundedCount, Empty, FilteredToNothing, Loaded } from '../parts/states.js';
import { Cell, Pager, Row, RowLink, Table, Tabs } from '../parts/table.js';
import { Age, Ago } from '../parts/time.js';
import { Pill, WEBHOOK_SIGNS } from '../parts/verdict.js';
import { formatCount, plural } from '../text/numbers.js';

/** The types that a row names. */
const MAX_TYPES = 3;

const STATES = [
  { text: 'All', state: null },
  { text: 'Failing', state: 'failing' },
  { text: 'Disabled', state: 'disabled' },
] as const;

/** Are webhooks and consumers behind, and why? */
export function WebhooksPage({ session }: { session: Session }) {
  const filters = useFilters<'state'>('state');
  const { state } = filters.values;
  const list = useRead<WebhookList>(withQuery('webhooks', { state, cursor: filters.cursor }), LIST_MS);
  const isOperator = session.person?.kind === 'operator';
  return (
    <>
      <Head title="Webhooks" tabTitle="Webhooks" path={[{ text: 'Webhooks' }]}>
        <p class="lede">
          {isOperator
            ? 'Who is told of changes, and who is behind.'
            : 'Where your project is told of changes. Their queries are hidden, because they can be secret.'}
        </p>
      </Head>
      <Loaded read={list} isBare>
        {({ rows, next, consumers }) => (
          <div class="stack">
            <section class="card" aria-label="Webhooks">
              <div class="tools">
                <Tabs
                  label="State"
                  choices={STATES.map(({ text, state: one }) => ({
                    text,
                    href: filters.linkWith({ state: one }),
                    isCurrent: state === one,
                  }))}
                />
              </div>
              {rows.length === 0 && state !== null ? (
                <FilteredToNothing what="webhooks" clear="/webhooks" />
              ) : rows.length === 0 ? (
                <Empty icon="hook" title="No webhook is registered">
                  {session.api?.webhooks && (
                    <p>
                      Projects register them with{' '}
                      <span class="mono">POST {new URL(`${session.api.path}/webhooks`, MOUNT).pathname}</span>.
                    </p>
                  )}
                </Empty>
              ) : (
                <Table
                  label="Webhooks"
                  heads={[
                    'URL',
                    'State',
                    'Events',
                    { text: 'Behind', isNumber: true },
                    { text: 'Last delivery', isNumber: true },
                  ]}
                >
                  {rows.map((webhook) => (
                    <WebhookRow key={webhook.id} webhook={webhook} />
                  ))}
                </Table>
              )}
              {rows.length > 0 && (
                <Pager filters={filters} next={next} back="Back" onward="More">
                  <span>{plural(rows.length, 'webhook')} on this page</span>
                </Pager>
              )}
            </section>
            {consumers.length > 0 && <Consumers consumers={consumers} />}
          </div>
        )}
      </Loaded>
    </>
  );
}

function WebhookRow({ webhook }: { webhook: WebhookList['rows'][number] }) {
  const { lastDelivery, failingSince } = webhook;
  return (
    <Row>
      <Cell>
        <RowLink href={`/webhooks/${webhook.id}`}>
          <span>
            <b class="mono">
              <ForeignName text={webhook.url} />
            </b>
            {webhook.project && <small>{webhook.project.name}</small>}
          </span>
        </RowLink>
      </Cell>
      <Cell>
        <Pill {...WEBHOOK_SIGNS[webhook.state]} />
        {failingSince !== null && (
          <small class="under">
            for <Age at={failingSince} />, {plural(webhook.failures, 'try', 'tries')}
          </small>
        )}
        {webhook.lastError !== null && webhook.state !== 'good' && (
          <small class="under">
            <Foreign text={webhook.lastError} />
          </small>
        )}
      </Cell>
      <Cell isWide>
        <span class="diff">
          {webhook.types.slice(0, MAX_TYPES).map((type) => (
            <span key={type} class="code">
              {type}
            </span>
          ))}
          {webhook.types.length > MAX_TYPES && <small class="faint">and {webhook.types.length - MAX_TYPES} more</small>}
        </span>
      </Cell>
      <Cell isNumber label="Behind">
        <BoundedCount count={webhook.behind} />
      </Cell>
      <Cell isNumber hide>
        {lastDelivery === null ? (
          <span class="faint">–</span>
        ) : (
          <>
            {lastDelivery.status ?? lastDelivery.reason ?? '–'}
            <small>
              <Ago at={lastDelivery.at} />
            </small>
          </>
        )}
      </Cell>
    </Row>
  );
}

function Consumers({ consumers }: { consumers: WebhookList['consumers'] }) {
  return (
    <section class="card" aria-labelledby="consumers">
      <header>
        <h2 id="consumers">Consumers</h2>
        <span class="muted">functions of the application that receive events</span>
      </header>
      <Table
        label="Consumers"
        heads={['Name', 'State', { text: 'Failures', isNumber: true }, { text: 'Behind', isNumber: true }]}
      >
        {consumers.map(({ name, behind, failures, failingSince, lastError }) => (
          <Row key={name}>
            <Cell>
              <b class="mono">{name}</b>
            </Cell>
            <Cell>
              <Pill {...WEBHOOK_SIGNS[failingSince === null ? 'good' : 'failing']} />
              {failingSince !== null && (
                <small class="under">
                  for <Age at={failingSince} />
                </small>
              )}
              {lastError !== null && failingSince !== null && (
                <small class="under">
                  <Foreign text={lastError} />
                </small>
              )}
            </Cell>
            <Cell isNumber hide>
              {formatCount(failures)}
            </Cell>
            <Cell isNumber label="Behind">
              <BoundedCount count={behind} />
            </Cell>
          </Row>
        ))}
      </Table>
    </section>
  );
}
