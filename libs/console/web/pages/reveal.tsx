import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { RevealDetails } from '../../src/wire/index.js';
import { send } from '../data/api.js';
import { RUNNING_MS, useAction, useRead } from '../data/queries.js';
import { Ask } from '../parts/dialog.js';
import { Copy } from '../parts/foreign.js';
import { Fact, Head } from '../parts/head.js';
import { Icon } from '../parts/icon.js';
import { AddressLink, CollectionLabel, HEADING_CHARACTERS, nameOf, shortUuid } from '../parts/names.js';
import { RevealBar } from '../parts/reveal-bar.js';
import { RevealChangesCard } from '../parts/reveal-changes.js';
import { LoadedPage } from '../parts/states.js';
import { Ago, At, Countdown, When } from '../parts/time.js';
import { Pill, REVEAL_SIGNS } from '../parts/verdict.js';
import { formatCount, formatPercent, plural } from '../text/numbers.js';

type Details = RevealDetails['reveal'];
type Step = 'publish' | 'cancel' | 'revert';

/** Can it be published, and what did it change? */
export function RevealPage({ id }: { id: string }) {
  const read = useRead<RevealDetails>(`reveals/${encodeURIComponent(id)}`, RUNNING_MS);
  return (
    <LoadedPage read={read} what="reveal">
      {({ reveal }) => <Page reveal={reveal} />}
    </LoadedPage>
  );
}

function Page({ reveal }: { reveal: Details }) {
  const { id, collection, project, state, refreshId } = reveal;
  return (
    <>
      <Head
        title={<CollectionLabel collection={collection} max={HEADING_CHARACTERS} />}
        sign={<Pill {...REVEAL_SIGNS[state]} />}
        tabTitle={`Reveal of ${nameOf(collection)}`}
        path={[{ text: 'Reveals', href: '/reveals' }, { text: nameOf(collection) }, { text: shortUuid(id) }]}
        actions={<Actions reveal={reveal} />}
      >
        <p class="lede">
          <StateSentence reveal={reveal} />
        </p>
        <div class="facts">
          <Fact>
            <span class="mono">{id}</span> <Copy text={id} what="reveal id" />
          </Fact>
          <Fact icon="gem">
            <AddressLink collection={collection} />
          </Fact>
          {project && (
            <Fact icon="people">
              <Link href={`/refreshes?project=${project.id}`}>{project.name}</Link>
            </Fact>
          )}
        </div>
      </Head>
      <div class="cols">
        <div class="stack">
          <Staged reveal={reveal} />
          {state === 'staged' && <RevealChangesCard id={id} collection={collection} />}
          {reveal.outcome && <Outcome reveal={reveal} outcome={reveal.outcome} />}
          {reveal.reverted && <Reverted reverted={reveal.reverted} />}
        </div>
        <aside class="stack" aria-label="About this reveal">
          <section class="card pad" aria-labelledby="plan">
            <h2 id="plan">Plan</h2>
            <dl class="kv">
              <dt>Publication</dt>
              <dd>
                <Plan reveal={reveal} />
              </dd>
              <dt>Must be staged</dt>
              <dd>
                {formatCount(reveal.required)} of {formatCount(reveal.total)}
              </dd>
              <dt>Created</dt>
              <dd>
                <When at={reveal.createdAt} />
              </dd>
              {reveal.endedAt === null && (
                <>
                  <dt>Expires</dt>
                  <dd>
                    in <Countdown until={reveal.expiresAt} />
                  </dd>
                </>
              )}
              <dt>Fetched by</dt>
              <dd>
                <Link class="link mono" href={`/refreshes/${refreshId}`}>
                  {shortUuid(refreshId)}
                </Link>
              </dd>
            </dl>
          </section>
        </aside>
      </div>
    </>
  );
}

const BLOCKED: Record<NonNullable<Details['blocked']>['reason'], string> = {
  pending: 'tokens were pending',
  not_enough_staged: 'too many tokens had failed',
  failed: 'writing it has failed because of an error of the service',
};

function StateSentence({ reveal }: { reveal: Details }) {
  const { state, pending, isReady, staged, required, endedAt, blocked, refreshId, outcome } = reveal;
  const late = blocked && (
    <>
      {' '}
      It was not published <Ago at={blocked.since} />, because {BLOCKED[blocked.reason]}.
    </>
  );
  switch (state) {
    case 'staging':
      return (
        <>
          {plural(pending, 'token')} {pending === 1 ? 'is' : 'are'} still being fetched. Nobody sees anything of it yet.
          {late}
        </>
      );
    case 'staged':
      return isReady ? (
        <>All that it needs is staged, and nobody sees anything of it until it is published.{late}</>
      ) : (
        <>
          {plural(staged, 'token')} {staged === 1 ? 'is' : 'are'} staged, and {formatCount(required)} must be.{' '}
          <Link class="link" href={`/refreshes/${refreshId}`}>
            Retry the failed ones
          </Link>
          , or publish without them.{late}
        </>
      );
    case 'publishing':
      return <>Its records are being written: all of them change at the same moment.{late}</>;
    case 'published':
      return (
        <>
          {outcome?.updated === 0
            ? 'It was published, and changed no record: they had its documents already, or later ones'
            : 'All its records changed at the same moment'}
          {endedAt !== null && (
            <>
              , <Ago at={endedAt} />
            </>
          )}
          .
        </>
      );
    case 'reverting':
      return <>The documents that it has replaced are being written again.{late}</>;
    case 'reverted':
      return <>Its records show again what they showed before.</>;
    case 'cancelled':
      return <>Nothing of it was shown, and its documents are deleted.</>;
    case 'expired':
      return <>It was not published in time. Nothing of it was shown, and its documents are deleted.</>;
  }
}

function Plan({ reveal: { publish, publishAt } }: { reveal: Details }) {
  if (publish === 'manual') return <>by hand</>;
  if (publish === 'when_complete' || publishAt === null) return <>when it is complete</>;
  return <When at={publishAt} />;
}

function Staged({ reveal }: { reveal: Details }) {
  const { total, staged, failed, pending, refreshId } = reveal;
  const counts: [text: string, tone: string, count: number, verdict: string][] = [
    ['Staged', 'ok', staged, 'staged'],
    ['Failed', 'bad', failed, 'failed'],
    ['Waiting', 'wait', pending, 'pending'],
  ];
  return (
    <section class="card progress" aria-labelledby="staged">
      <h2 id="staged" class="sr">
        Staged tokens
      </h2>
      <div class="lead">
        <strong>{formatPercent(staged, total)}</strong>
        <span class="muted">
          {formatCount(staged)} of {plural(total, 'token')} staged
        </span>
      </div>
      <RevealBar reveal={reveal} />
      <div class="sums">
        {counts.map(([text, tone, count, verdict]) => (
          <Link key={text} href={`/refreshes/${refreshId}?verdict=${verdict}`}>
            <span>
              <i class={`dot ${tone}`} />
              {text}
            </span>
            <b>{formatCount(count)}</b>
          </Link>
        ))}
      </div>
    </section>
  );
}

function Outcome({ reveal, outcome }: { reveal: Details; outcome: NonNullable<Details['outcome']> }) {
  return (
    <section class="card pad" aria-labelledby="outcome">
      <h2 id="outcome">What it changed</h2>
      <dl class="kv">
        <dt>Changed</dt>
        <dd>{formatCount(outcome.updated)}</dd>
        <dt>Had the document already</dt>
        <dd>{formatCount(outcome.unchanged)}</dd>
        <dt>Kept what was written later</dt>
        <dd>{formatCount(outcome.superseded)}</dd>
        <dt>Not registered any more</dt>
        <dd>{formatCount(outcome.missing)}</dd>
        <dt>Without a document</dt>
        <dd>{formatCount(reveal.failed)}</dd>
      </dl>
    </section>
  );
}

function Reverted({ reverted }: { reverted: NonNullable<Details['reverted']> }) {
  return (
    <section class="card pad" aria-labelledby="reverted">
      <h2 id="reverted">
        Reverted <At at={reverted.at} />
      </h2>
      <dl class="kv">
        <dt>Show the earlier document</dt>
        <dd>{formatCount(reverted.restored)}</dd>
        <dt>Had changed since</dt>
        <dd>{formatCount(reverted.changedSince)}</dd>
        <dt>Had no metadata before</dt>
        <dd>{formatCount(reverted.noEarlierVersion)}</dd>
        <dt>Earlier document is not kept</dt>
        <dd>{formatCount(reverted.notKept)}</dd>
        <dt>Not registered any more</dt>
        <dd>{formatCount(reverted.missing)}</dd>
        <dt>Written by</dt>
        <dd>
          <Link class="link mono" href={`/refreshes/${reverted.refreshId}`}>
            {shortUuid(reverted.refreshId)}
          </Link>
        </dd>
      </dl>
    </section>
  );
}

function Actions({ reveal }: { reveal: Details }) {
  const [step, setStep] = useState<Step | null>(null);
  const { publish, publishAnyway, cancel, revert } = reveal.actions;
  return (
    <>
      {cancel && (
        <button type="button" class="btn" onClick={() => setStep('cancel')}>
          <Icon name="stop" />
          Cancel
        </button>
      )}
      {revert && (
        <button type="button" class="btn" onClick={() => setStep('revert')}>
          <Icon name="again" />
          Revert
        </button>
      )}
      {(publish || publishAnyway) && (
        <button type="button" class="btn main" onClick={() => setStep('publish')}>
          <Icon name="check" />
          {publish ? 'Publish' : `Publish ${plural(reveal.staged, 'token')}`}
        </button>
      )}
      {step === 'publish' && <Publish reveal={reveal} onClose={() => setStep(null)} />}
      {step === 'cancel' && <Cancel reveal={reveal} onClose={() => setStep(null)} />}
      {step === 'revert' && <Revert reveal={reveal} onClose={() => setStep(null)} />}
    </>
  );
}

interface StepProps {
  reveal: Details;
  onClose: () => void;
}

function Publish({ reveal, onClose }: StepProps) {
  const { isBusy, run } = useAction();
  const { id, staged, total, failed, actions } = reveal;
  const confirm = async () => {
    const body = actions.publish ? {} : { minSucceeded: staged / total };
    const isDone = await run(async () => {
      await send('POST', `reveals/${id}/publish`, body);
      return { tone: 'ok', text: 'The reveal is being published.' };
    });
    if (isDone) onClose();
  };
  return (
    <Ask
      title={`Show ${plural(staged, 'token')} to everybody?`}
      safe="Not yet"
      action="Publish"
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <p>
        The records of {plural(staged, 'token')} of <b>{nameOf(reveal.collection)}</b> change at the same moment.
        {failed > 0 && ` ${plural(failed, 'token')} without a document ${failed === 1 ? 'stays' : 'stay'} as before.`}
      </p>
    </Ask>
  );
}

function Cancel({ reveal, onClose }: StepProps) {
  const { isBusy, run } = useAction();
  const confirm = async () => {
    const isDone = await run(async () => {
      await send('POST', `reveals/${reveal.id}/cancel`);
      return { tone: 'ok', text: 'The reveal is cancelled.' };
    });
    if (isDone) onClose();
  };
  return (
    <Ask
      title="Cancel this reveal?"
      safe="Keep it"
      action="Cancel the reveal"
      isRisky
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <p>
        {plural(reveal.staged, 'staged document')} {reveal.staged === 1 ? 'is' : 'are'} deleted, and{' '}
        {plural(reveal.pending, 'token')} {reveal.pending === 1 ? 'is' : 'are'} not fetched. Nothing of it was shown.
      </p>
    </Ask>
  );
}

const HOLDS = [
  { value: '', text: 'not at all: the next refresh shows what the server serves' },
  { value: '1', text: 'an hour' },
  { value: '24', text: 'a day' },
  { value: '168', text: 'a week' },
  { value: 'forever', text: 'until the holds are ended' },
] as const;

function Revert({ reveal, onClose }: StepProps) {
  const { isBusy, run } = useAction();
  const [hold, setHold] = useState('24');
  const updated = reveal.outcome?.updated ?? 0;
  const confirm = async () => {
    const holdHours = hold === '' ? undefined : hold === 'forever' ? hold : Number(hold);
    const isDone = await run(async () => {
      await send('POST', `reveals/${reveal.id}/revert`, { holdHours });
      return { tone: 'ok', text: 'The reveal is being reverted.' };
    });
    if (isDone) onClose();
  };
  return (
    <Ask
      title={`Show the earlier documents of ${plural(updated, 'token')} again?`}
      safe="Leave it published"
      action="Revert"
      isRisky
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <p>
        The records that this reveal has changed show again what they showed before, all at the same moment. Those that
        have changed since stay as they are.
      </p>
      <div class="field">
        <label for="hold">Keep refreshes from changing them</label>
        <select id="hold" value={hold} onChange={({ currentTarget }) => setHold(currentTarget.value)}>
          {HOLDS.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </div>
    </Ask>
  );
}
