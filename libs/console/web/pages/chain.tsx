import type { ChainList } from '../../src/wire/index.js';
import { LIST_MS, useRead } from '../data/queries.js';
import { Bar } from '../parts/bar.js';
import { Foreign } from '../parts/foreign.js';
import { Head } from '../parts/head.js';
import { chainName, CollectionLabel, isKnownChain, shortAddress } from '../parts/names.js';
import { Empty, Loaded } from '../parts/states.js';
import { Cell, Row, RowLink, Table } from '../parts/table.js';
import { Age, Ago } from '../parts/time.js';
import { Pill, type Sign } from '../parts/verdict.js';
import { formatCount, plural } from '../text/numbers.js';
import { formatDuration } from '../text/times.js';

type Chain = ChainList['rows'][number];
type Contract = Chain['contracts'][number];

const SIGNS: Record<Chain['state'], Sign> = {
  off: { tone: 'same', icon: 'stop', word: 'Off' },
  idle: { tone: 'same', icon: 'same', word: 'Idle' },
  waiting: { tone: 'wait', icon: 'wait', word: 'Nobody reads it' },
  reading: { tone: 'ok', icon: 'check', word: 'Reading' },
  failing: { tone: 'bad', icon: 'x', word: 'Failing' },
};

const SENTENCES: Record<Chain['state'], string> = {
  off: 'There is no RPC URL for this chain: set RPC_URLS (option rpcUrls).',
  idle: 'No collection on it asks for events.',
  waiting: 'No process has read it yet, or the one that did has ended: start one with a worker.',
  reading: '',
  failing: 'None of its nodes can be read. Nothing is lost: reading continues where it stopped.',
};

/** Are chain watchers behind the head? */
export function ChainPage() {
  const list = useRead<ChainList>('chain', LIST_MS);
  return (
    <>
      <Head title="Chain watchers" tabTitle="Chain watchers" path={[{ text: 'Chain watchers' }]}>
        <p class="lede">
          Contracts whose events refresh their tokens, and how far each chain is read.
          {list.data && ` A token is fetched ${plural(list.data.settleSeconds, 'second')} after its event.`}
        </p>
      </Head>
      <div class="stack">
        <section class="card" aria-label="Chains">
          <Loaded read={list}>
            {({ rows }) =>
              rows.length === 0 ? (
                <Empty icon="chain" title="No chain is watched">
                  <p>
                    Set <span class="mono">RPC_URLS</span>, and watch a collection with{' '}
                    <span class="mono">cli collection update --events true</span>.
                  </p>
                </Empty>
              ) : (
                <Table
                  label="Chains"
                  heads={[
                    'Chain',
                    'State',
                    { text: 'Collections', isNumber: true },
                    { text: 'Read up to', isNumber: true },
                    { text: 'Behind head', isNumber: true },
                    { text: 'Waiting tokens', isNumber: true },
                    { text: 'Last read', isNumber: true },
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
        {list.data && <Watched chains={list.data.rows} />}
      </div>
    </>
  );
}

function ChainRow({ chain }: { chain: Chain }) {
  const { chainId, state, failingSince, lastError, collections, readBlock, behind, waitingTokens, readAt } = chain;
  const sentence = SENTENCES[state];
  return (
    <Row>
      <Cell>
        <b>{isKnownChain(chainId) ? chainName(chainId) : `Chain ${chainId}`}</b>
        {isKnownChain(chainId) && <small class="under">chain id {chainId}</small>}
      </Cell>
      <Cell isWide>
        <Pill {...SIGNS[state]} />
        {failingSince !== null && (
          <small class="under">
            for <Age at={failingSince} />
            {lastError !== null && (
              <>
                {' '}
                · <span class="code">{lastError}</span>
              </>
            )}
          </small>
        )}
        {sentence !== '' && <small class="under">{sentence}</small>}
      </Cell>
      <Cell isNumber label="Collections">
        {formatCount(collections)}
      </Cell>
      <Cell isNumber hide>
        {readBlock === null ? <span class="faint">–</span> : `block ${formatCount(readBlock)}`}
      </Cell>
      <Cell isNumber label="Behind">
        {behind === null || (behind === 0 && state !== 'reading') ? (
          <span class="faint">not known</span>
        ) : behind === 0 ? (
          'at the head'
        ) : (
          plural(behind, 'block')
        )}
      </Cell>
      <Cell isNumber hide>
        {waitingTokens >= MAX_COUNTED ? `${formatCount(MAX_COUNTED)}+` : formatCount(waitingTokens)}
        {chain.waitingRanges > 0 && <small>{plural(chain.waitingRanges, 'range')}</small>}
      </Cell>
      <Cell isNumber hide>
        {readAt === null ? <span class="faint">–</span> : <Ago at={readAt} />}
      </Cell>
    </Row>
  );
}

/** More are not counted. */
const MAX_COUNTED = 10_000;

function Watched({ chains }: { chains: readonly Chain[] }) {
  const contracts = chains.flatMap((chain) => chain.contracts);
  const total = chains.reduce((sum, { collections }) => sum + collections, 0);
  if (contracts.length === 0) return null;
  return (
    <section class="card" aria-labelledby="watched">
      <header>
        <h2 id="watched">Watched collections</h2>
        {total > contracts.length && (
          <p class="muted small">
            {formatCount(contracts.length)} of {formatCount(total)}, the running backfills first
          </p>
        )}
      </header>
      <Table label="Watched collections" heads={['Collection', 'New mints', 'By age', 'Past mints']}>
        {contracts.map((contract) => (
          <ContractRow key={contract.id} contract={contract} />
        ))}
      </Table>
    </section>
  );
}

function ContractRow({ contract }: { contract: Contract }) {
  const { id, address, chainId, discover, refreshEverySeconds, backfill } = contract;
  return (
    <Row>
      <Cell>
        <RowLink href={`/refreshes?collection=${id}&trigger=event`}>
          <span>
            <b>
              <CollectionLabel collection={contract} />
            </b>
            <small>
              {contract.name !== null && (
                <>
                  <span class="mono">{shortAddress(address)}</span> on{' '}
                </>
              )}
              {chainName(chainId)}
            </small>
          </span>
        </RowLink>
      </Cell>
      <Cell label="New mints">{discover === 'mints' ? 'registered' : <span class="faint">not registered</span>}</Cell>
      <Cell label="By age">
        {refreshEverySeconds === null ? (
          <span class="faint">no</span>
        ) : (
          `about every ${formatDuration(refreshEverySeconds)}`
        )}
      </Cell>
      <Cell isWide label="Past mints">
        {backfill === null ? <span class="faint">not asked for</span> : <Past backfill={backfill} />}
      </Cell>
    </Row>
  );
}

function Past({ backfill }: { backfill: NonNullable<Contract['backfill']> }) {
  const { fromBlock, nextBlock, untilBlock, tokens, finishedAt, lastError } = backfill;
  const total = untilBlock === null ? 0 : Math.max(1, untilBlock - fromBlock + 1);
  const read = Math.min(total, nextBlock - fromBlock);
  return (
    <>
      {finishedAt === null && untilBlock !== null && (
        <Bar
          parts={[
            { tone: 'ok', count: read, word: 'blocks read' },
            { tone: 'wait', count: total - read, word: 'blocks to read' },
          ]}
          total={total}
        />
      )}
      <small class="under">
        {plural(tokens, 'token')} registered from block {formatCount(fromBlock)}
        {finishedAt !== null
          ? ''
          : untilBlock === null
            ? '; it begins with the next poll'
            : `; ${plural(total - read, 'block')} to read`}
      </small>
      {lastError !== null && (
        <small class="under">
          {finishedAt === null ? 'It waits: ' : 'It ended early: '}
          <span class="code">
            <Foreign text={lastError} max={200} />
          </span>
        </small>
      )}
    </>
  );
}
