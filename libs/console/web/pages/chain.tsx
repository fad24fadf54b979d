import type { ChainList } from '../../src/wire/index.js';
import { LIST_MS, useRead } from '../data/queries.js';
import { Foreign } from '../parts/foreign.js';
import { Head } from '../parts/head.js';
import { chainName, CollectionLabel } from '../parts/names.js';
import { Empty, Loaded } from '../parts/states.js';
import { Cell, Row, Table } from '../parts/table.js';
import { Age, Ago } from '../parts/time.js';
import { Pill, type Sign } from '../parts/verdict.js';
import { Link } from 'wouter-preact';
import { formatCount } from '../text/numbers.js';

type Chain = ChainList['rows'][number];

const SIGNS: Record<Chain['state'], Sign> = {
  off: { tone: 'same', icon: 'stop', word: 'Off' },
  idle: { tone: 'same', icon: 'same', word: 'Idle' },
  waiting: { tone: 'ok', icon: 'check', word: 'At the head' },
  reading: { tone: 'run', icon: 'again', word: 'Reading' },
  failing: { tone: 'bad', icon: 'x', word: 'Failing' },
};

/** Are chain watchers behind the head? */
export function ChainPage() {
  const list = useRead<ChainList>('chain', LIST_MS);
  return (
    <>
      <Head title="Chain watchers" tabTitle="Chain watchers" path={[{ text: 'Chain watchers' }]}>
        <p class="lede">Contracts whose events refresh their tokens, and how far each chain is read.</p>
      </Head>
      <section class="card" aria-label="Chain watchers">
        <Loaded read={list}>
          {({ rows }) =>
            rows.length === 0 ? (
              <Empty icon="chain" title="No chain is watched">
                <p>
                  Watch a collection with <span class="mono">cli collection watch</span>.
                </p>
              </Empty>
            ) : (
              <Table
                label="Chains"
                heads={[
                  'Chain',
                  'State',
                  'Contracts',
                  { text: 'Read up to', isNumber: true },
                  { text: 'Behind head', isNumber: true },
                  { text: 'Waiting tokens', isNumber: true },
                  { text: 'Read', isNumber: true },
                ]}
              >
                {rows.map((chain) => (
                  <ChainRow key={chain.chainId} chain={chain} />
                ))}
              </Table>
            )
          }
        </Loaded>
      </section>
    </>
  );
}

const MAX_CONTRACTS = 4;

function ChainRow({ chain }: { chain: Chain }) {
  const { chainId, state, failingSince, lastError, contracts, collections, readBlock, behind, waitingTokens, readAt } =
    chain;
  return (
    <Row>
      <Cell>
        <b>{chainName(chainId)}</b>
        <small class="under">chain id {chainId}</small>
      </Cell>
      <Cell>
        <Pill {...SIGNS[state]} />
        {failingSince !== null && (
          <small class="under">
            for <Age at={failingSince} />
          </small>
        )}
      </Cell>
      <Cell isWide>
        <span class="small">
          {contracts.slice(0, MAX_CONTRACTS).map((contract, index) => (
            <span key={contract.id}>
              {index > 0 && ', '}
              <Link class="link" href={`/refreshes?collection=${contract.id}&trigger=event`}>
                <CollectionLabel collection={contract} />
              </Link>
            </span>
          ))}
          {collections > MAX_CONTRACTS && ` and ${formatCount(collections - MAX_CONTRACTS)} more`}
        </span>
        {lastError !== null && (
          <small class="under">
            <Foreign text={lastError} max={200} />
          </small>
        )}
      </Cell>
      <Cell isNumber hide>
        {readBlock === null ? <span class="faint">–</span> : formatCount(readBlock)}
      </Cell>
      <Cell isNumber label="Behind">
        {behind === null ? <span class="faint">–</span> : `${formatCount(behind)} blocks`}
      </Cell>
      <Cell isNumber hide>
        {formatCount(waitingTokens)}
      </Cell>
      <Cell isNumber>{readAt === null ? <span class="faint">–</span> : <Ago at={readAt} />}</Cell>
    </Row>
  );
}
