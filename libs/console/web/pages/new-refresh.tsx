import { useId, useRef, useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import type { CollectionList, Estimate, NewRefresh, Session, WantedTokens } from '../../src/wire/index.js';
import { announce } from '../data/announcements.js';
import { send } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { SLOW_MS, useAction, useRead } from '../data/queries.js';
import { CollectionSelect } from '../parts/collection-select.js';
import { FormEnd } from '../parts/form-end.js';
import { Head } from '../parts/head.js';
import { Empty, Loaded } from '../parts/states.js';
import { formatCount, plural } from '../text/numbers.js';
import { formatDuration } from '../text/times.js';
import { parseRuns, parseTokenIds } from '../text/token-ids.js';

const MAX_TOKENS = 1000;
const MAX_RANGES = 100;
const DAY = 86_400;

const SELECTIONS = [
  { what: 'ids', text: 'These token ids' },
  { what: 'ranges', text: 'Registered tokens in ranges of ids' },
  { what: 'all', text: 'All registered tokens' },
  { what: 'status', text: 'Registered tokens by their last fetch' },
  { what: 'age', text: 'Registered tokens by age' },
] as const;
type What = (typeof SELECTIONS)[number]['what'];

const STATUSES = [
  { status: 'failed', text: 'failed, and they have no metadata' },
  { status: 'stale', text: 'failed, and they show older metadata' },
  { status: 'pending', text: 'never fetched' },
] as const;

const AGES = [1, 7, 30, 90];

const EXCEEDED: Record<NonNullable<Estimate['exceeds']>, string> = {
  tokensPerRequest: 'A list of ids may not have so many tokens. Select ranges instead.',
  tokensPerSelection: 'A selection of this project may not have so many tokens. Select ranges, one after another.',
  tokensPerHour: 'The quota of the project has no room for all of them.',
};

/** An estimate, and what it is of: the request is for the same tokens. */
interface Estimated {
  collectionId: string;
  wanted: WantedTokens;
  estimate: Estimate;
}

/** Which tokens are to be refreshed? First an estimate, then the request. */
export function NewRefreshPage({ session }: { session: Session }) {
  const collections = useRead<CollectionList>('collections', SLOW_MS * 4);
  const [estimated, setEstimated] = useState<Estimated | null>(null);
  return (
    <>
      <Head
        title="New refresh"
        tabTitle="New refresh"
        path={[{ text: 'Refreshes', href: '/refreshes' }, { text: 'New' }]}
      >
        <p class="lede">Choose tokens, see what their refresh would take, and request it.</p>
      </Head>
      <div class="stack">
        <section class="card" aria-label="Which tokens">
          <Loaded read={collections} rows={3}>
            {({ rows: all }) => {
              const rows = all.filter(({ canFetch }) => canFetch);
              return rows.length === 0 ? (
                <Empty icon="list" title="There is no collection whose tokens can be fetched">
                  <p>As soon as one is registered, its tokens can be refreshed here.</p>
                </Empty>
              ) : (
                <SelectionForm rows={rows} onEstimate={setEstimated} />
              );
            }}
          </Loaded>
        </section>
        {estimated && <EstimateCard estimated={estimated} isOperator={session.person?.kind === 'operator'} />}
      </div>
    </>
  );
}

function SelectionForm({
  rows,
  onEstimate,
}: {
  rows: CollectionList['rows'];
  onEstimate: (estimated: Estimated | null) => void;
}) {
  const id = useId();
  const filters = useFilters('collection', 'what');
  const collection = useRef<HTMLSelectElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const what = SELECTIONS.find((one) => one.what === filters.values.what)?.what ?? 'ids';
  const estimate = async () => {
    const collectionId = collection.current!.value;
    const wanted = wantedIn(what, new FormData(form.current!));
    if (typeof wanted === 'string') {
      setProblem(wanted);
      return;
    }
    setProblem(null);
    setBusy(true);
    try {
      const result = await send<Estimate>('POST', `collections/${collectionId}/estimate`, wanted);
      onEstimate({ collectionId, wanted, estimate: result });
      announce(sentenceOf(result));
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      ref={form}
      class="pad"
      // What was estimated is not what is chosen any more.
      onInput={() => onEstimate(null)}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void estimate();
      }}
    >
      <CollectionSelect id={`${id}c`} rows={rows} chosen={filters.values.collection} select={collection} />
      <fieldset class="choices">
        <legend>Tokens</legend>
        {SELECTIONS.map((one) => (
          <label key={one.what} class="check">
            <input
              type="radio"
              name="what"
              checked={one.what === what}
              onChange={() => filters.set({ collection: collection.current!.value, what: one.what })}
            />
            <span>{one.text}</span>
          </label>
        ))}
      </fieldset>
      <SelectionFields key={what} what={what} id={id} />
      <FormEnd problem={problem} icon="wait" action="Estimate" busy="Counting …" isBusy={isBusy} />
    </form>
  );
}

function SelectionFields({ what, id }: { what: What; id: string }) {
  switch (what) {
    case 'all':
      return null;
    case 'ids':
    case 'ranges':
      return (
        <div class="field">
          <label for={`${id}t`}>{what === 'ids' ? 'Token ids' : 'Ranges'}</label>
          <textarea
            id={`${id}t`}
            name="tokens"
            rows={2}
            required
            spellcheck={false}
            placeholder={what === 'ids' ? '1, 2, 3 or 1-20' : '1-5000, 8000-8999'}
          />
          <small>
            {what === 'ids'
              ? `Up to ${formatCount(MAX_TOKENS)}, apart by commas or spaces. Ids that are not registered fail.`
              : `Up to ${MAX_RANGES}, both ends included. Ids that are not registered are left out.`}
          </small>
        </div>
      );
    case 'status':
      return (
        <fieldset class="choices">
          <legend>Their last fetch</legend>
          {STATUSES.map(({ status, text }, index) => (
            <label key={status} class="check">
              <input type="checkbox" name="status" value={status} defaultChecked={index === 0} />
              <span>{text}</span>
            </label>
          ))}
        </fieldset>
      );
    case 'age':
      return (
        <div class="field">
          <label for={`${id}a`}>Without a successful fetch for</label>
          <select id={`${id}a`} name="days">
            {AGES.map((days) => (
              <option key={days} value={days} selected={days === 7}>
                {plural(days, 'day')} or more
              </option>
            ))}
          </select>
        </div>
      );
  }
}

/** What the form says. Returns a sentence if it says nothing that can be requested. */
function wantedIn(what: What, form: FormData): WantedTokens | string {
  const typed = form.get('tokens');
  const text = typeof typed === 'string' ? typed : '';
  switch (what) {
    case 'ids': {
      const tokenIds = parseTokenIds(text, MAX_TOKENS);
      return typeof tokenIds === 'string' ? tokenIds : { tokenIds };
    }
    case 'ranges': {
      const ranges = parseRuns(text, MAX_RANGES);
      return typeof ranges === 'string' ? ranges : { ranges };
    }
    case 'all':
      return { all: true };
    case 'status': {
      const chosen = form.getAll('status');
      const status = STATUSES.map((one) => one.status).filter((one) => chosen.includes(one));
      return status.length === 0 ? 'Choose at least one.' : { all: true, status };
    }
    case 'age':
      return { all: true, notRefreshedForSeconds: Number(form.get('days')) * DAY };
  }
}

/** "12,000 tokens, about 3 min." */
function sentenceOf({ tokens, expectedSeconds }: Estimate): string {
  if (tokens === 0) return 'No registered token is among these.';
  return expectedSeconds === null
    ? `${plural(tokens, 'token')}. How long they take is not known: none of this collection was fetched yet.`
    : `${plural(tokens, 'token')}, about ${formatDuration(expectedSeconds)}.`;
}

function EstimateCard({
  estimated: { collectionId, wanted, estimate },
  isOperator,
}: {
  estimated: Estimated;
  isOperator: boolean;
}) {
  const [, navigate] = useLocation();
  const { isBusy, run } = useAction();
  const { tokens, quota, exceeds } = estimate;
  const request = () =>
    void run(async () => {
      const { refreshId } = await send<NewRefresh>('POST', `collections/${collectionId}/refresh`, wanted);
      navigate(`/refreshes/${refreshId}`);
      return { tone: 'ok', text: `The refresh of ${plural(tokens, 'token')} is requested.` };
    });
  return (
    <section class="card pad" aria-labelledby="estimate">
      <h2 id="estimate">{sentenceOf(estimate)}</h2>
      {tokens > 0 && (
        <p class="muted">
          {quota === null
            ? isOperator && 'Refreshes of operators count towards no limit.'
            : `They count towards your quota, of which ${formatCount(quota.remaining)} of ${formatCount(quota.limit)} tokens are left.`}
        </p>
      )}
      {exceeds && <p class="problem">{EXCEEDED[exceeds]}</p>}
      {tokens > 0 && exceeds === null && (
        <div class="acts">
          <button type="button" class="btn main" aria-busy={isBusy} onClick={request}>
            Refresh {plural(tokens, 'token')}
          </button>
        </div>
      )}
    </section>
  );
}
