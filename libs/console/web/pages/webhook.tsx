import { useState } from 'preact/hooks';
import type { Webhook, WebhookTest } from '../../src/wire/index.js';
import { send, withQuery } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { LIST_MS, useAction, useRead } from '../data/queries.js';
import { Ask } from '../parts/dialog.js';
import { Foreign, ForeignName } from '../parts/foreign.js';
import { Fact, Head } from '../parts/head.js';
import { Icon } from '../parts/icon.js';
import { shortUuid } from '../parts/names.js';
import { BoundedCount, Empty, formatBounded, LoadedPage } from '../parts/states.js';
import { Cell, Pager, Row, Table } from '../parts/table.js';
import { Age, Ago, Due, When } from '../parts/time.js';
import { Pill, WEBHOOK_SIGNS } from '../parts/verdict.js';
import { formatCount, plural } from '../text/numbers.js';

type Details = Webhook['webhook'];

export function WebhookPage({ id }: { id: string }) {
  const { cursor, linkWith } = useFilters();
  const path = `webhooks/${encodeURIComponent(id)}`;
  const read = useRead<Webhook>(withQuery(path, { cursor }), LIST_MS);
  return (
    <LoadedPage read={read} what="webhook">
      {({ webhook }) => (
        <>
          <Head
            title={
              <span class="mono">
                <ForeignName text={webhook.url} max={80} />
              </span>
            }
            sign={<Pill {...WEBHOOK_SIGNS[webhook.state]} />}
            tabTitle={webhook.url.slice(0, 60)}
            path={[{ text: 'Webhooks', href: '/webhooks' }, { text: shortUuid(webhook.id) }]}
            actions={<Actions webhook={webhook} path={path} />}
          >
            <div class="facts">
              {webhook.project && <Fact icon="people">{webhook.project.name}</Fact>}
              <Fact icon="hook">{webhook.types.join(', ')}</Fact>
              <Fact icon="wait">
                registered <When at={webhook.createdAt} />
              </Fact>
            </div>
          </Head>
          {webhook.state !== 'good' && <StateBanner webhook={webhook} />}
          <div class="stack">
            <Figures webhook={webhook} />
            <Deliveries webhook={webhook} filters={{ cursor, linkWith }} />
          </div>
        </>
      )}
    </LoadedPage>
  );
}

/** Since when, why, and behind by how many. */
function StateBanner({ webhook }: { webhook: Details }) {
  const { state, failingSince, failures, lastError, behind, nextAttemptAt, disabledAt, disabledReason } = webhook;
  return (
    <div class="banner">
      <Icon name="warn" />
      <div>
        <b>
          {state === 'disabled' ? (
            <>
              Disabled
              {disabledAt !== null && (
                <>
                  {' '}
                  since <When at={disabledAt} />
                </>
              )}
              {disabledReason === 'gone' && ', because it responded with 410'}
              {disabledReason === 'failing' && ', because it failed for too long'}
            </>
          ) : (
            <>
              It has failed for {failingSince === null ? 'a while' : <Age at={failingSince} />},{' '}
              {plural(failures, 'try', 'tries')} in a row
            </>
          )}
        </b>
        <p>
          {lastError !== null && (
            <>
              The last time: <Foreign text={lastError.replace(/\.$/, '')} max={200} />.{' '}
            </>
          )}
          {formatBounded(behind, 'event')} {behind.count === 1 ? 'waits' : 'wait'} for it.{' '}
          {nextAttemptAt !== null && (
            <>
              It is tried again <Due at={nextAttemptAt} />.
            </>
          )}
        </p>
      </div>
    </div>
  );
}

function Actions({ webhook, path }: { webhook: Details; path: string }) {
  const { actions, behind } = webhook;
  const { isBusy, run } = useAction();
  const [asked, setAsked] = useState<'enable' | 'skip' | null>(null);
  const close = () => setAsked(null);
  const enable = (skipBacklog: boolean) =>
    run(async () => {
      await send('POST', `${path}/enable`, { skipBacklog });
      return {
        tone: 'ok',
        text: skipBacklog
          ? 'The webhook is enabled. The events that waited are skipped.'
          : 'The webhook is enabled: what waited is sent now.',
      };
    });
  const test = () =>
    void run(async () => {
      const { status, reason, durationMs } = await send<WebhookTest>('POST', `${path}/test`);
      const isGood = reason === null;
      return {
        tone: isGood ? 'ok' : 'bad',
        text: isGood
          ? `The test was accepted with ${status} in ${formatCount(durationMs)} ms.`
          : `The test was not accepted: ${status === null ? reason : `it responded with ${status}`}.`,
      };
    });
  return (
    <>
      {actions.test && (
        <button type="button" class="btn" aria-busy={isBusy} onClick={test}>
          <Icon name="play" />
          Send a test
        </button>
      )}
      {actions.skip && (
        <button type="button" class="btn risk" onClick={() => setAsked('skip')}>
          <Icon name="skip" />
          Enable and skip …
        </button>
      )}
      {actions.enable && (
        <button type="button" class="btn main" onClick={() => setAsked('enable')}>
          <Icon name="check" />
          Enable …
        </button>
      )}
      {asked === 'enable' && (
        <Ask
          title="Send what waited?"
          safe="Leave it"
          action="Enable"
          isBusy={isBusy}
          onConfirm={() => void enable(false).then(close)}
          onClose={close}
        >
          <p>
            {formatBounded(behind, 'event')} {behind.count === 1 ? 'waits' : 'wait'} for this webhook. Sending begins at
            once, with the message that failed last.
          </p>
        </Ask>
      )}
      {asked === 'skip' && (
        <Ask
          title="Enable and skip what waited?"
          safe="Leave it"
          action={`Skip ${formatBounded(behind, 'event')}`}
          isRisky
          isBusy={isBusy}
          onConfirm={() => void enable(true).then(close)}
          onClose={close}
        >
          <p>
            {formatBounded(behind, 'event')} {behind.count === 1 ? 'is' : 'are'} never sent to this webhook. It receives
            what happens from now on. This cannot be undone.
          </p>
        </Ask>
      )}
    </>
  );
}

function Figures({ webhook: { state, behind, failures, lastDelivery, nextAttemptAt } }: { webhook: Details }) {
  return (
    <section class="card" aria-label="Now">
      <dl class="kpis">
        <div>
          <dt>Behind</dt>
          <dd>
            <BoundedCount count={behind} /> <small>{behind.count === 1 ? 'event' : 'events'}</small>
          </dd>
          <dd class="note">{behind.count === 0 ? 'it has everything' : 'not received yet'}</dd>
        </div>
        <div>
          <dt>Failed in a row</dt>
          <dd>{formatCount(failures)}</dd>
          <dd class="note">
            {nextAttemptAt === null ? (
              state === 'disabled' ? (
                'nothing is sent'
              ) : (
                'nothing to send'
              )
            ) : (
              <>
                next try <Due at={nextAttemptAt} />
              </>
            )}
          </dd>
        </div>
        <div>
          <dt>Last delivery</dt>
          <dd>{lastDelivery === null ? '–' : (lastDelivery.status ?? 'failed')}</dd>
          <dd class="note">{lastDelivery === null ? 'none yet' : <Ago at={lastDelivery.at} />}</dd>
        </div>
      </dl>
    </section>
  );
}

function Deliveries({
  webhook: { deliveries, next },
  filters,
}: {
  webhook: Details;
  filters: Pick<ReturnType<typeof useFilters<never>>, 'cursor' | 'linkWith'>;
}) {
  return (
    <section class="card" aria-labelledby="deliveries">
      <header>
        <h2 id="deliveries">Deliveries</h2>
        <span class="muted">newest first</span>
      </header>
      {deliveries.length === 0 ? (
        <Empty icon="hook" title="Nothing was sent yet">
          <p>The first event makes a delivery.</p>
        </Empty>
      ) : (
        <>
          <Table
            label="Deliveries"
            heads={[
              'Event',
              'Response',
              { text: 'Events', isNumber: true },
              { text: 'Try', isNumber: true },
              { text: 'Took', isNumber: true },
              { text: 'When', isNumber: true },
            ]}
          >
            {deliveries.map((delivery) => (
              <Row key={delivery.id}>
                <Cell>
                  <span class="code">{delivery.type}</span>
                </Cell>
                <Cell>
                  <Pill
                    tone={delivery.reason === null ? 'ok' : 'bad'}
                    icon={delivery.reason === null ? 'check' : 'x'}
                    word={delivery.status === null ? (delivery.reason ?? 'sent') : String(delivery.status)}
                  />
                </Cell>
                <Cell isNumber hide>
                  {formatCount(delivery.events)}
                </Cell>
                <Cell isNumber hide>
                  {formatCount(delivery.attempt)}
                </Cell>
                <Cell isNumber hide>
                  {formatCount(delivery.durationMs)} ms
                </Cell>
                <Cell isNumber>
                  <Ago at={delivery.at} />
                </Cell>
              </Row>
            ))}
          </Table>
          <Pager filters={filters} next={next} />
        </>
      )}
    </section>
  );
}
