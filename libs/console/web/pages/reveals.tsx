import type { Reveal, RevealList, Session } from '../../src/wire/index.js';
import { MOUNT, withQuery } from '../data/api.js';
import { useFilters } from '../data/filters.js';
import { useRead } from '../data/queries.js';
import { Glyph } from '../parts/glyph.js';
import { Head } from '../parts/head.js';
import { CollectionLabel } from '../parts/names.js';
import { RevealBar } from '../parts/reveal-bar.js';
import { Empty, Loaded } from '../parts/states.js';
import { Cell, Pager, Row, RowLink, Table } from '../parts/table.js';
import { When } from '../parts/time.js';
import { Pill, REVEAL_SIGNS } from '../parts/verdict.js';
import { formatCount, plural } from '../text/numbers.js';

/** What is staged, and what was shown at one moment. */
export function RevealsPage({ session }: { session: Session }) {
  const filters = useFilters();
  const list = useRead<RevealList>(withQuery('reveals', { cursor: filters.cursor }));
  const isOperator = session.person?.kind === 'operator';
  return (
    <>
      <Head title="Reveals" tabTitle="Reveals" path={[{ text: 'Reveals' }]}>
        <p class="lede">Documents of many tokens that are fetched ahead, and shown at the same moment.</p>
      </Head>
      <section class="card" aria-label="Reveals">
        <Loaded read={list}>
          {({ rows, next }) =>
            rows.length === 0 ? (
              <Empty icon="eye" title="There is no reveal yet">
                <FirstReveal api={session.api} isOperator={isOperator} />
              </Empty>
            ) : (
              <>
                <Table
                  label="Reveals, newest first"
                  heads={[
                    'Collection',
                    'State',
                    'Staged',
                    ...(isOperator ? ['Project'] : []),
                    { text: 'Created', isNumber: true },
                  ]}
                >
                  {rows.map((reveal) => (
                    <RevealRow key={reveal.id} reveal={reveal} isOperator={isOperator} />
                  ))}
                </Table>
                <Pager filters={filters} next={next}>
                  <span>{plural(rows.length, 'reveal')} on this page</span>
                </Pager>
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}

/** How one is created, by a person who can. */
function FirstReveal({ api, isOperator }: { api: Session['api']; isOperator: boolean }) {
  const ways = [
    ...(api === null ? [] : [`POST ${new URL(`${api.path}/reveals`, MOUNT).pathname}`]),
    ...(isOperator ? ['cli reveal create'] : []),
  ];
  if (ways.length === 0) return null;
  return (
    <p>
      Create one with{' '}
      {ways.map((way, index) => (
        <span key={way}>
          {index > 0 && ' or '}
          <span class="mono">{way}</span>
        </span>
      ))}
      , and it is here.
    </p>
  );
}

function RevealRow({ reveal, isOperator }: { reveal: Reveal; isOperator: boolean }) {
  const { id, collection, state, staged, total, failed, project, createdAt } = reveal;
  return (
    <Row>
      <Cell>
        <RowLink href={`/reveals/${id}`}>
          <Glyph seed={collection.address} />
          <span>
            <b>
              <CollectionLabel collection={collection} />
            </b>
            <small>{plural(total, 'token')}</small>
          </span>
        </RowLink>
      </Cell>
      <Cell>
        <Pill {...REVEAL_SIGNS[state]} />
      </Cell>
      <Cell isWide>
        <RevealBar reveal={reveal} />
        <small class="under">
          {formatCount(staged)} of {formatCount(total)}
          {failed > 0 && `, ${formatCount(failed)} failed`}
        </small>
      </Cell>
      {isOperator && <Cell label="Project">{project?.name ?? <span class="faint">–</span>}</Cell>}
      <Cell isNumber label="Created">
        <When at={createdAt} />
      </Cell>
    </Row>
  );
}
