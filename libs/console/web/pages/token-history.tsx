import { Link } from 'wouter-preact';
import type { TokenVersions, VersionDiff } from '../../src/wire/index.js';
import { withQuery } from '../data/api.js';
import type { Filters } from '../data/filters.js';
import { SLOW_MS, useRead } from '../data/queries.js';
import { ChangeList } from '../parts/change-list.js';
import { Foreign } from '../parts/foreign.js';
import { Glyph } from '../parts/glyph.js';
import { Empty, Loaded } from '../parts/states.js';
import { Cell, Pager, Row, Table } from '../parts/table.js';
import { When } from '../parts/time.js';
import { formatCount } from '../text/numbers.js';
import { TRIGGER_WORDS } from '../text/refreshes.js';

type Version = TokenVersions['rows'][number];

/** Each content that it had, and the difference between any two. */
export function TokenHistoryCard({
  path,
  current,
  from,
  to,
  onCompare,
  filters,
}: {
  path: string;
  current: number;
  from: string | null;
  to: string | null;
  onCompare: (change: { from: string; to: string }) => void;
  filters: Pick<Filters<'from' | 'to'>, 'cursor' | 'linkWith'>;
}) {
  const read = useRead<TokenVersions>(withQuery(`${path}/versions`, { cursor: filters.cursor }), SLOW_MS);
  return (
    <>
      {from !== null && to !== null && <DiffCard key={`${from} ${to}`} path={path} from={from} to={to} />}
      <section class="card" aria-labelledby="history">
        <header>
          <h2 id="history">History</h2>
          <span class="muted">each change of its document</span>
        </header>
        <Loaded read={read}>
          {({ rows, next, areKept }) =>
            rows.length === 0 ? (
              <Empty icon="box" title={areKept ? 'It has no version yet' : 'Versions are not kept here'}>
                <p>
                  {areKept
                    ? 'The first successful fetch makes one.'
                    : 'The token store of this application keeps none.'}
                </p>
              </Empty>
            ) : (
              <>
                <Compare rows={rows} from={from} to={to} onCompare={onCompare} />
                <Table
                  label="Versions, newest first"
                  heads={['Version', 'What changed', 'By', { text: 'When', isNumber: true }]}
                >
                  {rows.map((version) => (
                    <VersionRow
                      key={version.version}
                      version={version}
                      isCurrent={version.version === current}
                      filters={filters}
                    />
                  ))}
                </Table>
                <Pager filters={filters} next={next} />
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}

function VersionRow({
  version: { version, contentHash, createdAt, refreshId, trigger, hasDocument, ...change },
  isCurrent,
  filters,
}: {
  version: Version;
  isCurrent: boolean;
  filters: Pick<Filters<'from' | 'to'>, 'linkWith'>;
}) {
  const isFirst = version === 1;
  const word = trigger === null ? '–' : ((TRIGGER_WORDS as Record<string, string>)[trigger] ?? trigger);
  return (
    <Row>
      <Cell>
        <span class="tok">
          <Glyph seed={contentHash} />
          <span>
            {isFirst || !hasDocument ? (
              <b>{formatCount(version)}</b>
            ) : (
              <b>
                <Link
                  class="link"
                  data-row
                  href={filters.linkWith({ from: String(version - 1), to: String(version) })}
                  aria-label={`Version ${version}, compare with the one before`}
                >
                  {formatCount(version)}
                </Link>
              </b>
            )}
            <small>{isCurrent ? 'shown now' : hasDocument ? '' : 'document not kept'}</small>
          </span>
        </span>
      </Cell>
      <Cell isWide>
        {isFirst ? <span class="muted">the first document</span> : <ChangeList change={change} max={6} />}
      </Cell>
      <Cell hide>
        {refreshId === null ? (
          word
        ) : (
          <Link class="link" href={`/refreshes/${refreshId}`}>
            {word}
          </Link>
        )}
      </Cell>
      <Cell isNumber>
        <When at={createdAt} />
      </Cell>
    </Row>
  );
}

function Compare({
  rows,
  from,
  to,
  onCompare,
}: {
  rows: readonly Version[];
  from: string | null;
  to: string | null;
  onCompare: (change: { from: string; to: string }) => void;
}) {
  const kept = rows.filter(({ hasDocument }) => hasDocument);
  if (kept.length < 2) return <div class="tools" />;
  const optionsWith = (chosen: string) =>
    kept.map(({ version }) => (
      <option key={version} value={version} selected={String(version) === chosen}>
        version {version}
      </option>
    ));
  return (
    <form
      class="tools"
      onSubmit={(event) => {
        event.preventDefault();
        const [first, second] = event.currentTarget.querySelectorAll('select');
        onCompare({ from: first!.value, to: second!.value });
      }}
    >
      <label class="choose">
        From
        <select name="from" class="input slim">
          {optionsWith(from ?? String(kept[1]!.version))}
        </select>
      </label>
      <label class="choose">
        to
        <select name="to" class="input slim">
          {optionsWith(to ?? String(kept[0]!.version))}
        </select>
      </label>
      <button type="submit" class="btn small">
        Compare
      </button>
    </form>
  );
}

function DiffCard({ path, from, to }: { path: string; from: string; to: string }) {
  const read = useRead<VersionDiff>(withQuery(`${path}/versions/${encodeURIComponent(from)}/diff`, { to }), null);
  return (
    <section class="card" aria-labelledby="diff">
      <header>
        <h2 id="diff">
          From version {from} to {to}
        </h2>
      </header>
      <div class="pad">
        <Loaded read={read} rows={3}>
          {({ diff }) => (
            <>
              <ChangeList change={diff} max={40} />
              {diff.patch === null ? (
                <p class="muted">The documents are too large to compare field by field.</p>
              ) : (
                <details open>
                  <summary>Changes of the document, as a JSON Patch</summary>
                  <pre class="box" tabindex={0}>
                    <Foreign text={diff.patch} max={8000} />
                  </pre>
                </details>
              )}
              <details>
                <summary>The document of version {from}</summary>
                <pre class="box" tabindex={0}>
                  <Foreign text={diff.before} max={8000} />
                </pre>
              </details>
              <details>
                <summary>The document of version {to}</summary>
                <pre class="box" tabindex={0}>
                  <Foreign text={diff.after} max={8000} />
                </pre>
              </details>
            </>
          )}
        </Loaded>
      </div>
    </section>
  );
}
