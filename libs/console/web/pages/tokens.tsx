import { useRef } from 'preact/hooks';
import type { TokenList } from '../../src/wire/index.js';
import { withQuery } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { SLOW_MS, useRead } from '../data/queries.js';
import { ForeignName } from '../parts/foreign.js';
import { Glyph } from '../parts/glyph.js';
import { Head } from '../parts/head.js';
import { Icon } from '../parts/icon.js';
import { CollectionLabel, chainName, tokenPath } from '../parts/names.js';
import { Empty, FilteredToNothing, Loaded } from '../parts/states.js';
import { Cell, Pager, Row, RowLink, Table } from '../parts/table.js';
import { When } from '../parts/time.js';
import { Pill, RECORD_SIGNS } from '../parts/verdict.js';
import { plural } from '../text/numbers.js';
import { shortId } from '../text/token-ids.js';

/** Why does this token look as it does? Found by its id. */
export function TokensPage() {
  const filters = useFilters('q');
  const { q } = filters.values;
  const list = useRead<TokenList>(q === null ? null : withQuery('tokens/find', { q, cursor: filters.cursor }), SLOW_MS);
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Head title="Tokens" tabTitle="Tokens" path={[{ text: 'Tokens' }]}>
        <p class="lede">Find a token by its id, to see what it shows, what was tried, and how it changed.</p>
      </Head>
      <section class="card" aria-label="Tokens">
        <form
          class="tools"
          onSubmit={(event) => {
            event.preventDefault();
            filters.set({ q: input.current!.value.trim() });
          }}
        >
          <label class="find wide">
            <Icon name="search" />
            <span class="sr">Token id</span>
            <input
              ref={input}
              key={q}
              defaultValue={q ?? ''}
              placeholder="Token id"
              inputMode="numeric"
              pattern="[0-9]{1,78}"
              title="Decimal digits"
              autocomplete="off"
              required
            />
          </label>
          <button type="submit" class="btn small">
            Find
          </button>
        </form>
        {q === null ? (
          <Empty icon="gem" title="Which token?">
            <p>Type its id. If several collections have it, they are listed.</p>
          </Empty>
        ) : (
          <Loaded read={list}>{(data) => <List list={data} filters={filters} />}</Loaded>
        )}
      </section>
    </>
  );
}

function List({ list, filters }: { list: TokenList; filters: ReturnType<typeof useFilters<'q'>> }) {
  if (list.rows.length === 0) return <FilteredToNothing what="tokens" clear="/tokens" />;
  return (
    <>
      <Table label="Tokens" heads={['Token', 'Status', 'Collection', { text: 'Changed', isNumber: true }]}>
        {list.rows.map(({ tokenId, collection, name, contentHash, status, changedAt }) => (
          <Row key={collection.id + tokenId}>
            <Cell>
              <RowLink href={tokenPath(collection, tokenId)}>
                <Glyph seed={contentHash} />
                <span>
                  <b class="mono" title={tokenId}>
                    {shortId(tokenId)}
                  </b>
                  <small>{name === null ? 'no document yet' : <ForeignName text={name} />}</small>
                </span>
              </RowLink>
            </Cell>
            <Cell>
              <Pill {...RECORD_SIGNS[status]} />
            </Cell>
            <Cell isWide>
              <CollectionLabel collection={collection} />
              <small class="under">{chainName(collection.chainId)}</small>
            </Cell>
            <Cell isNumber hide>
              {changedAt === null ? <span class="faint">–</span> : <When at={changedAt} />}
            </Cell>
          </Row>
        ))}
      </Table>
      <Pager filters={filters} next={list.next}>
        <span>{plural(list.rows.length, 'token')}</span>
      </Pager>
    </>
  );
}
