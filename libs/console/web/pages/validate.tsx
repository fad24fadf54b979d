import { useId, useRef, useState } from 'preact/hooks';
import type { CollectionList, NewRefresh, Session, Validation } from '../../src/wire/index.js';
import { announce } from '../data/announcements.js';
import { send } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { SLOW_MS, useAction, useRead } from '../data/queries.js';
import { ChangeList } from '../parts/change-list.js';
import { CollectionSelect } from '../parts/collection-select.js';
import { Foreign, ForeignName } from '../parts/foreign.js';
import { FormEnd } from '../parts/form-end.js';
import { Head } from '../parts/head.js';
import { tokenPath } from '../parts/names.js';
import { Empty, Loaded } from '../parts/states.js';
import { Cell, Row, RowLink, Table } from '../parts/table.js';
import { Countdown } from '../parts/time.js';
import { Pill, VALIDATION_SIGNS } from '../parts/verdict.js';
import { retrySentence } from '../advice.js';
import { formatBytes, formatCount, plural } from '../text/numbers.js';
import { parseTokenIds, shortId } from '../text/token-ids.js';

const MAX_TOKENS = 20;

/** What would these tokens look like if they were refreshed now? Nothing is written. */
export function ValidatePage({ session }: { session: Session }) {
  const filters = useFilters('collection', 'tokens');
  const collections = useRead<CollectionList>('collections', SLOW_MS * 4);
  const [validation, setValidation] = useState<Validation | null>(null);
  return (
    <>
      <Head title="Validate" tabTitle="Validate" path={[{ text: 'Validate' }]}>
        <p class="lede">
          Fetches up to {MAX_TOKENS} tokens now and says what a refresh would do with them. Nothing is written. Do this
          before a reveal.
        </p>
      </Head>
      <div class="stack">
        <section class="card" aria-label="What to validate">
          <Loaded read={collections} rows={3}>
            {({ rows: all }) => {
              const rows = all.filter(({ canFetch }) => canFetch);
              return rows.length === 0 ? (
                <Empty
                  icon="flask"
                  title={all.length === 0 ? 'There is no collection yet' : 'Nothing of these collections is fetched'}
                >
                  <p>
                    {all.length === 0
                      ? 'As soon as one is registered, its tokens can be validated here.'
                      : 'Their owners push the metadata, or their chain cannot be read here: there is nothing to validate.'}
                  </p>
                </Empty>
              ) : (
                <ValidationForm
                  rows={rows}
                  filters={filters}
                  isCharged={session.person?.kind === 'partner'}
                  onResult={setValidation}
                />
              );
            }}
          </Loaded>
        </section>
        {validation && <Result validation={validation} mayAct={session.mayAct} />}
      </div>
    </>
  );
}

function ValidationForm({
  rows,
  filters,
  isCharged,
  onResult,
}: {
  rows: CollectionList['rows'];
  filters: ReturnType<typeof useFilters<'collection' | 'tokens'>>;
  /** Whether the tokens count towards the quota of the person. */
  isCharged: boolean;
  onResult: (validation: Validation | null) => void;
}) {
  const id = useId();
  const collection = useRef<HTMLSelectElement>(null);
  const tokens = useRef<HTMLTextAreaElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const validate = async () => {
    const collectionId = collection.current!.value;
    const ids = parseTokenIds(tokens.current!.value, MAX_TOKENS);
    if (typeof ids === 'string') {
      setProblem(ids);
      return;
    }
    filters.set({ collection: collectionId, tokens: ids.join(',') });
    setProblem(null);
    setBusy(true);
    onResult(null);
    try {
      const result = await send<Validation>('POST', 'validate', { collectionId, tokenIds: ids });
      onResult(result);
      announce(sumOf(result));
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="pad"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void validate();
      }}
    >
      <CollectionSelect id={`${id}c`} rows={rows} chosen={filters.values.collection} select={collection} />
      <div class="field">
        <label for={`${id}t`}>Token ids</label>
        <textarea
          ref={tokens}
          id={`${id}t`}
          rows={2}
          required
          spellcheck={false}
          placeholder="1, 2, 3 or 1-20"
          defaultValue={filters.values.tokens?.replaceAll(',', ', ') ?? ''}
        />
        <small>
          Up to {MAX_TOKENS}, apart by commas or spaces; <span class="mono">5-12</span> is a range.
          {isCharged && ' They count towards your quota.'}
        </small>
      </div>
      <FormEnd problem={problem} icon="flask" action="Validate" busy="Fetching, up to 10 s …" isBusy={isBusy} />
    </form>
  );
}

/** "18 of 20 would be good; 2 have no image." */
function sumOf({ tokens, verdicts, warnings }: Validation): string {
  const good = verdicts.updated + verdicts.unchanged + verdicts.superseded + verdicts.held;
  const open = verdicts.not_tried + verdicts.not_finished;
  return [
    `${good} of ${tokens.length} would be good`,
    ...(verdicts.failed > 0 ? [`${verdicts.failed} would fail`] : []),
    ...(open > 0 ? [`${open} got no result this time`] : []),
    ...warnings.map(({ code, tokens: count }) => `${count} with ${code.replaceAll('_', ' ')}`),
  ].join('; ');
}

function Result({ validation, mayAct }: { validation: Validation; mayAct: boolean }) {
  const { collection, tokens, cooldown, quota } = validation;
  const { isBusy, run } = useAction();
  const ids = tokens.map(({ tokenId }) => tokenId);
  const refresh = () =>
    void run(async () => {
      const { refreshId } = await send<NewRefresh>('POST', `collections/${collection.id}/refresh`, { tokenIds: ids });
      return {
        tone: 'ok',
        text: `${plural(ids.length, 'token')} ${ids.length === 1 ? 'is' : 'are'} refreshed.`,
        link: { href: `/refreshes/${refreshId}`, text: 'Show the refresh' },
      };
    });
  return (
    <section class="card" aria-labelledby="result">
      <header>
        <h2 id="result">{sumOf(validation)}</h2>
        {mayAct && (
          <button type="button" class="btn small" aria-busy={isBusy} onClick={refresh}>
            Refresh {ids.length === 1 ? 'it' : `these ${ids.length}`}
          </button>
        )}
      </header>
      {cooldown && (
        <p class="tools muted">
          <span>
            The host is in cooldown for <Countdown until={cooldown.until} />: nobody asks it until then.
          </span>
        </p>
      )}
      <Table
        label="What a refresh would do"
        heads={['Token', 'Verdict', 'What would happen', { text: 'Response', isNumber: true }]}
      >
        {tokens.map((token) => (
          <ResultRow key={token.tokenId} token={token} collection={collection} />
        ))}
      </Table>
      {quota && (
        <p class="foot">
          {formatCount(quota.remaining)} of {formatCount(quota.limit)} tokens of the quota are left.
        </p>
      )}
    </section>
  );
}

/** The document is good, and a refresh would not fetch it. */
const KEPT: Partial<Record<Validation['tokens'][number]['verdict'], string>> = {
  held: 'The record is held: a refresh does not change it now. A fetch would bring:',
  superseded: 'The record was pushed, and no fetch replaces it. A fetch would bring:',
};

function hasChange({ changedFields, traitsAdded, traitsRemoved }: Validation['tokens'][number]): boolean {
  return changedFields.length + traitsAdded.length + traitsRemoved.length > 0;
}

function ResultRow({
  token,
  collection,
}: {
  token: Validation['tokens'][number];
  collection: Validation['collection'];
}) {
  const { tokenId, verdict, name, requests, warnings, error, noResult, document, omitted } = token;
  const last = requests.at(-1);
  return (
    <Row>
      <Cell>
        <RowLink href={tokenPath(collection, tokenId)}>
          <span>
            <b class="mono" title={tokenId}>
              {shortId(tokenId)}
            </b>
            <small>{name === null ? 'no name' : <ForeignName text={name} />}</small>
          </span>
        </RowLink>
      </Cell>
      <Cell>
        <Pill {...VALIDATION_SIGNS[verdict]} />
      </Cell>
      <Cell isWide>
        {error ? (
          <>
            <span class="diff say">
              <span class="code">{error.reason}</span>
              {error.title}. {error.advice} {retrySentence(error.reason)}
            </span>
            {error.body !== null && error.body.trim() !== '' && (
              <small class="under">
                It sent: <Foreign text={error.body} mono />
              </small>
            )}
          </>
        ) : noResult ? (
          <span class="muted">{noResult.advice}</span>
        ) : (
          <>
            {KEPT[verdict] !== undefined && <span class="diff say">{KEPT[verdict]}</span>}
            {verdict === 'unchanged' || (KEPT[verdict] !== undefined && !hasChange(token)) ? (
              <span class="muted">the same document</span>
            ) : (
              <ChangeList change={token} max={8} />
            )}
          </>
        )}
        {warnings.map(({ code, message }) => (
          <small key={code} class="under">
            <span class="code">{code}</span> {message}
          </small>
        ))}
        {omitted !== null && <small class="under">The {omitted} is too large to be shown here.</small>}
        {document !== null && (
          <details>
            <summary>Document</summary>
            <pre class="box" tabindex={0}>
              <Foreign text={document} max={4000} />
            </pre>
          </details>
        )}
        {requests.length > 0 && (
          <details>
            <summary>{plural(requests.length, 'request')}</summary>
            <ul class="requests">
              {requests.map(({ url, redirects, statusCode, durationMs, bytes }, index) => (
                <li key={index}>
                  <Foreign text={[url, ...redirects].join(' → ')} max={300} mono />
                  <span class="faint">
                    {statusCode ?? 'no status'} · {formatCount(durationMs)} ms · {formatBytes(bytes)}
                  </span>
                </li>
              ))}
            </ul>
          </details>
        )}
      </Cell>
      <Cell isNumber hide>
        {last ? (
          <>
            {last.statusCode ?? '–'}
            <small>{formatCount(last.durationMs)} ms</small>
          </>
        ) : (
          <span class="faint">–</span>
        )}
      </Cell>
    </Row>
  );
}
