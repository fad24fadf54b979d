import { useRef } from 'preact/hooks';
import type { RefreshDetails, RefreshToken, RefreshTokens } from '../../src/wire/index.js';
import { withQuery } from '../data/api.js';
import type { Filters } from '../data/filters.js';
import { LIST_MS, RUNNING_MS, SLOW_MS, useReadUntilEnd } from '../data/queries.js';
import { ForeignName } from '../parts/foreign.js';
import { Glyph } from '../parts/glyph.js';
import { Icon } from '../parts/icon.js';
import { KeyHint } from '../parts/key-hint.js';
import { tokenPath } from '../parts/names.js';
import { partsOf } from '../parts/refresh-progress.js';
import { Empty, FilteredToNothing, Loaded } from '../parts/states.js';
import { Cell, Chips, Pager, Row, RowLink, Table, Tabs } from '../parts/table.js';
import { Age, Due } from '../parts/time.js';
import { ChangeList } from '../parts/change-list.js';
import { Pill, TOKEN_SIGNS, tokenState } from '../parts/verdict.js';
import { formatCount, plural } from '../text/numbers.js';
import { shortId } from '../text/token-ids.js';

type Details = RefreshDetails['refresh'];

export const tokenFilters = ['verdict', 'reason', 'token'] as const;
type TokenFilters = Filters<(typeof tokenFilters)[number]>;

const MAX_ID_DIGITS = 78;

/** What became of each token: while it runs, the latest first. */
export function RefreshTokensCard({
  refresh,
  path,
  filters,
}: {
  refresh: Details;
  path: string;
  filters: TokenFilters;
}) {
  const { values, cursor, linkWith, set } = filters;
  const isRunning = refresh.completedAt === null;
  const isFiltered = Object.values(values).some((value) => value !== null);
  const isLatest = isRunning && !isFiltered && cursor === null;
  const read = useReadUntilEnd<RefreshTokens>(
    withQuery(`${path}/tokens`, { ...values, cursor, order: isLatest ? 'latest' : null }),
    !isRunning,
    { runningMs: isLatest ? RUNNING_MS : LIST_MS, endedMs: SLOW_MS * 4 },
  );
  const chips = [
    ...(values.reason === null ? [] : [{ text: values.reason, href: linkWith({ reason: null }) }]),
    ...(values.token === null ? [] : [{ text: `Token ${shortId(values.token)}`, href: linkWith({ token: null }) }]),
  ];
  return (
    <section class="card" aria-labelledby="tokens">
      <header>
        <h2 id="tokens">Tokens</h2>
        <span class="faint">{read.data?.order === 'latest' ? 'latest first' : 'by id'}</span>
        <TokenSearch onFind={(token) => set({ token })} />
      </header>
      <div class="tools">
        <VerdictTabs refresh={refresh} filters={filters} />
        <Chips chips={chips} />
      </div>
      <Loaded read={read} rows={10}>
        {(data) =>
          data.rows.length === 0 && data.next === null ? (
            isFiltered ? (
              <FilteredToNothing what="tokens" clear={linkWith({ verdict: null, reason: null, token: null })} />
            ) : (
              <Empty icon="wait" title="No token has been requested yet">
                <p>As soon as the first one is, it is here.</p>
              </Empty>
            )
          ) : (
            <>
              {data.rows.length > 0 && (
                <Table
                  label="Tokens"
                  heads={[
                    'Token',
                    'Verdict',
                    'What happened',
                    'Tries',
                    { text: 'Response', isNumber: true },
                    { text: 'When', isNumber: true },
                  ]}
                >
                  {data.rows.map((token) => (
                    <TokenRow key={token.tokenId} token={token} refresh={refresh} />
                  ))}
                </Table>
              )}
              <Pager filters={filters} next={data.next}>
                <span>
                  {data.searchedTo === null
                    ? plural(data.rows.length, 'token')
                    : `${plural(data.rows.length, 'token')}; searched up to token ${shortId(data.searchedTo)}`}
                </span>
                <KeyHint />
              </Pager>
            </>
          )
        }
      </Loaded>
    </section>
  );
}

function VerdictTabs({ refresh, filters: { values, linkWith } }: { refresh: Details; filters: TokenFilters }) {
  const counts = new Map<string, number>();
  for (const { state, count } of partsOf(refresh)) {
    const verdict = state === 'trying_again' ? 'pending' : state;
    counts.set(verdict, (counts.get(verdict) ?? 0) + count);
  }
  const always = ['updated', 'unchanged', 'failed'];
  const shown = [...counts].filter(
    ([verdict, count]) => count > 0 || always.includes(verdict) || values.verdict === verdict,
  );
  return (
    <Tabs
      label="Verdict"
      choices={[
        {
          text: 'All',
          count: formatCount(refresh.total),
          href: linkWith({ verdict: null, reason: null }),
          isCurrent: values.verdict === null,
        },
        ...shown.map(([verdict, count]) => ({
          text: TOKEN_SIGNS[verdict as keyof typeof TOKEN_SIGNS].word,
          count: formatCount(count),
          href: linkWith({ verdict, reason: null }),
          isCurrent: values.verdict === verdict,
        })),
      ]}
    />
  );
}

function TokenSearch({ onFind }: { onFind: (token: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <form
      class="find"
      onSubmit={(event) => {
        event.preventDefault();
        onFind(input.current!.value.replace(/^0+(?=\d)/, ''));
        input.current!.value = '';
      }}
    >
      <Icon name="search" />
      <input
        ref={input}
        aria-label="Token id"
        placeholder="Token id"
        inputMode="numeric"
        pattern={`[0-9]{1,${MAX_ID_DIGITS}}`}
        title="Decimal digits"
        required
        autocomplete="off"
      />
    </form>
  );
}

function TokenRow({ token, refresh }: { token: RefreshToken; refresh: Details }) {
  const state = tokenState(token);
  const isFirst = token.verdict === 'updated' && token.metadataVersion === 1;
  const sign = TOKEN_SIGNS[state];
  const at = token.response?.at ?? token.finishedAt;
  return (
    <Row>
      <Cell>
        <RowLink href={tokenPath(refresh.collection, token.tokenId)}>
          <Glyph seed={token.contentHash} />
          <span>
            <b class="mono" title={token.tokenId}>
              {shortId(token.tokenId)}
            </b>
            <small>{token.name === null ? 'no document yet' : <ForeignName text={token.name} />}</small>
          </span>
        </RowLink>
      </Cell>
      <Cell>
        <Pill {...sign} word={isFirst ? 'First document' : sign.word} />
      </Cell>
      <Cell isWide>
        <Happened token={token} refresh={refresh} />
      </Cell>
      <Cell hide>
        <Tries token={token} max={refresh.maxAttempts} />
      </Cell>
      <Cell isNumber hide>
        {token.response ? (
          <>
            {token.response.statusCode ?? '–'}
            <small>{formatCount(token.response.durationMs)} ms</small>
          </>
        ) : (
          <span class="faint">{token.statusCode ?? '–'}</span>
        )}
      </Cell>
      <Cell isNumber hide>
        <span class="faint">{at === null ? '–' : <Age at={at} />}</span>
      </Cell>
    </Row>
  );
}

function Happened({ token, refresh }: { token: RefreshToken; refresh: Details }) {
  const { verdict, attempts, change, reason, title, response, nextAttemptAt, metadataVersion } = token;
  // Due, and kept back by the cooldown.
  const dueAt = nextAttemptAt ?? refresh.cooldown?.until ?? null;
  switch (verdict) {
    case 'updated':
      if (metadataVersion === 1)
        return (
          <span class="diff">
            <span class="chg">all fields</span>
          </span>
        );
      return change === null ? <span class="muted">changed</span> : <ChangeList change={change} max={4} />;
    case 'unchanged':
      return <span class="muted">{response?.statusCode === 304 ? 'not modified' : 'the same document'}</span>;
    case 'superseded':
      return <span class="muted">a later fetch was stored first</span>;
    case 'held':
      return <span class="muted">kept as it is for now, not fetched</span>;
    case 'staged':
      return <span class="muted">saved for the reveal</span>;
    case 'cancelled':
      return <span class="muted">not fetched, because the refresh was cancelled</span>;
    case 'failed':
      return (
        <span class="diff say">
          <span class="code">{reason}</span>
          {title}
        </span>
      );
    case 'pending':
      if (attempts === 0) return <span class="muted">in the queue</span>;
      return (
        <span>
          {response === null
            ? 'Failed'
            : response.statusCode === null
              ? response.reason
              : `Response ${response.statusCode}`}
          {refresh.state === 'paused' ? (
            '; tried again when the refresh goes on'
          ) : (
            <>
              ; trying again <b class="strong">{dueAt === null ? 'now' : <Due at={dueAt} />}</b>
            </>
          )}
          , try {formatCount(attempts + 1)} of {formatCount(refresh.maxAttempts)}
        </span>
      );
  }
}

/** One box for each try: those that failed, the last one, and those that are left while it waits. */
function Tries({ token, max }: { token: RefreshToken; max: number }) {
  const { attempts } = token;
  const state = tokenState(token);
  const { tone } = TOKEN_SIGNS[state];
  const left = state === 'trying_again' ? Math.max(0, Math.min(max, 10) - attempts) : 0;
  const boxes = [
    ...Array.from({ length: Math.max(0, attempts - 1) }, () => 'again'),
    ...(attempts > 0 ? [tone] : ['wait']),
    ...Array.from({ length: left }, () => 'wait'),
  ];
  return (
    <span class="tries" role="img" aria-label={attempts === 0 ? 'no try yet' : plural(attempts, 'try', 'tries')}>
      {boxes.slice(-10).map((box, index) => (
        <i key={index} class={box} />
      ))}
    </span>
  );
}
