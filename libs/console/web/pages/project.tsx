import { useId, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { Project } from '../../src/wire/index.js';
import { send } from '../data/api.js';
import { LIST_MS, useAction, useRead } from '../data/queries.js';
import { ApiKeysCard } from '../parts/api-keys.js';
import { Ask } from '../parts/dialog.js';
import { Copy, Foreign, ForeignName } from '../parts/foreign.js';
import { Glyph } from '../parts/glyph.js';
import { Fact, Head } from '../parts/head.js';
import { QuotaCard } from '../parts/quota.js';
import { Icon } from '../parts/icon.js';
import { chainName, CollectionLabel, HEADING_CHARACTERS, shortAddress, shortUuid } from '../parts/names.js';
import { LoadedPage } from '../parts/states.js';
import { Cell, Row, RowLink, Table } from '../parts/table.js';
import { doneOf, RefreshBar } from '../parts/refresh-progress.js';
import { When } from '../parts/time.js';
import { Pill, REFRESH_SIGNS } from '../parts/verdict.js';
import { LIMIT_LABELS, LIMIT_NAMES } from '../text/limits.js';
import { shortText } from '../text/foreign.js';
import { formatCount, formatPercent } from '../text/numbers.js';

type Details = Project['project'];

const PUSH_POLICIES: Record<Details['collectionList'][number]['pushPolicy'], string> = {
  push_wins: 'what was pushed is not fetched',
  last_wins: 'the later of a push and a fetch is shown',
};

export function ProjectPage({ id }: { id: string }) {
  const path = `projects/${encodeURIComponent(id)}`;
  const read = useRead<Project>(path, LIST_MS * 2);
  return (
    <LoadedPage read={read} what="project">
      {({ project }) => (
        <>
          <Head
            title={<ForeignName text={project.name} max={HEADING_CHARACTERS} />}
            tabTitle={project.name}
            path={[{ text: 'Projects', href: '/projects' }, { text: project.name }]}
            actions={
              <Link class="btn" href={`/refreshes?project=${project.id}`}>
                <Icon name="list" />
                Refreshes
              </Link>
            }
          >
            <div class="facts">
              <Fact>
                <span class="mono">{project.id}</span> <Copy text={project.id} what="id" />
              </Fact>
              <Fact icon="key">
                owner <span class="mono">{shortAddress(project.ownerAddress)}</span>{' '}
                <Copy text={project.ownerAddress} what="address" />
              </Fact>
              <Fact icon="wait">
                created <When at={project.createdAt} />
              </Fact>
            </div>
          </Head>
          <div class="cols">
            <div class="stack">
              <Collections project={project} />
              <RecentRefreshes project={project} />
              <ApiKeysCard keys={project.apiKeys} {...(project.actions.revokeKeys && { path })} />
            </div>
            <aside class="stack" aria-label="Limits">
              <QuotaCard quota={project.quota} title="Its quota" />
              <LimitsCard project={project} path={path} />
            </aside>
          </div>
        </>
      )}
    </LoadedPage>
  );
}

function Collections({ project: { collectionList, collections } }: { project: Details }) {
  return (
    <section class="card" aria-labelledby="collections">
      <header>
        <h2 id="collections">Collections</h2>
        {collections > collectionList.length && (
          <span class="muted">
            the first {collectionList.length} of {formatCount(collections)}
          </span>
        )}
      </header>
      {collectionList.length === 0 ? (
        <p class="pad muted">None yet.</p>
      ) : (
        <Table label="Collections" heads={['Collection', 'Chain', 'Metadata', { text: 'Tokens', isNumber: true }]}>
          {collectionList.map((collection) => (
            <Row key={collection.id}>
              <Cell>
                <RowLink href={`/refreshes?collection=${collection.id}`}>
                  <Glyph seed={collection.address} />
                  <span>
                    <b>
                      <CollectionLabel collection={collection} />
                    </b>
                    {collection.name !== null && <small class="mono">{shortAddress(collection.address)}</small>}
                  </span>
                </RowLink>
              </Cell>
              <Cell hide>{chainName(collection.chainId)}</Cell>
              <Cell isWide>
                <span class="small muted">
                  {collection.source === 'chain' && 'token URIs of the contract'}
                  {collection.source === 'pushed' && 'pushed by its owner'}
                  {collection.metadataUrl !== null && <Foreign text={collection.metadataUrl} mono />}
                </span>
                <small class="under">{PUSH_POLICIES[collection.pushPolicy]}</small>
              </Cell>
              <Cell isNumber label="Tokens">
                {formatCount(collection.tokens)}
              </Cell>
            </Row>
          ))}
        </Table>
      )}
    </section>
  );
}

function RecentRefreshes({ project: { id, refreshes } }: { project: Details }) {
  return (
    <section class="card" aria-labelledby="recent">
      <header>
        <h2 id="recent">Recent refreshes</h2>
        <Link class="btn small" href={`/refreshes?project=${encodeURIComponent(id)}`}>
          All
        </Link>
      </header>
      {refreshes.length === 0 ? (
        <p class="pad muted">None yet.</p>
      ) : (
        <Table
          label="Recent refreshes, newest first"
          heads={['Collection', 'Progress', { text: 'Failed', isNumber: true }, { text: 'Started', isNumber: true }]}
        >
          {refreshes.map((refresh) => (
            <Row key={refresh.id}>
              <Cell>
                <RowLink href={`/refreshes/${refresh.id}`}>
                  <Glyph seed={refresh.collection.address} />
                  <span>
                    <b>
                      <CollectionLabel collection={refresh.collection} />
                    </b>
                    <small class="mono">{shortUuid(refresh.id)}</small>
                  </span>
                </RowLink>
              </Cell>
              <Cell isWide>
                <span class="progress-cell">
                  <Pill {...REFRESH_SIGNS[refresh.state]} />
                  <span class="mini">
                    <RefreshBar refresh={refresh} />
                  </span>
                  <span class="faint small nowrap">
                    {formatPercent(doneOf(refresh), refresh.total)} of {formatCount(refresh.total)}
                  </span>
                </span>
              </Cell>
              <Cell isNumber label="Failed">
                {refresh.failed > 0 ? (
                  <span class="problem">{formatCount(refresh.failed)}</span>
                ) : (
                  <span class="faint">0</span>
                )}
              </Cell>
              <Cell isNumber label="Started">
                <When at={refresh.createdAt} />
              </Cell>
            </Row>
          ))}
        </Table>
      )}
    </section>
  );
}

function LimitsCard({ project, path }: { project: Details; path: string }) {
  const [isEditing, setEditing] = useState(false);
  const { own, effective } = project.limits;
  return (
    <section class="card pad" aria-labelledby="limits">
      <div class="row">
        <h2 id="limits">Limits</h2>
        {project.actions.setLimits && (
          <button type="button" class="btn small" onClick={() => setEditing(true)}>
            Change
          </button>
        )}
      </div>
      <dl class="kv">
        {LIMIT_NAMES.map((name) => (
          <div key={name}>
            <dt>{LIMIT_LABELS[name]}</dt>
            <dd>
              {formatCount(effective[name])}
              {own[name] === null && <span class="faint"> default</span>}
            </dd>
          </div>
        ))}
      </dl>
      {isEditing && <LimitsDialog project={project} path={path} onClose={() => setEditing(false)} />}
    </section>
  );
}

function LimitsDialog({ project, path, onClose }: { project: Details; path: string; onClose: () => void }) {
  const { isBusy, run } = useAction();
  const form = useRef<HTMLDivElement>(null);
  const id = useId();
  const { own, effective } = project.limits;
  const save = async () => {
    const inputs = [...form.current!.querySelectorAll('input')];
    const limits = Object.fromEntries(inputs.map(({ name, value }) => [name, value === '' ? null : Number(value)]));
    await run(async () => {
      await send('PUT', `${path}/limits`, limits);
      return { tone: 'ok', text: `The limits of ${project.name} are changed, from its next request on.` };
    });
    onClose();
  };
  return (
    <Ask
      title={`Limits of ${shortText(project.name)}`}
      safe="Leave them"
      action="Change the limits"
      isBusy={isBusy}
      onConfirm={() => void save()}
      onClose={onClose}
    >
      <div ref={form} class="stack">
        {LIMIT_NAMES.map((name) => (
          <div key={name} class="field">
            <label for={id + name}>{LIMIT_LABELS[name]}</label>
            <input
              id={id + name}
              name={name}
              type="number"
              min={0}
              max={1_000_000_000}
              step={1}
              defaultValue={own[name] ?? ''}
              placeholder={own[name] === null ? `default, ${formatCount(effective[name])}` : ''}
            />
          </div>
        ))}
      </div>
      <p class="small">Empty is the default of the service; 0 blocks every request.</p>
    </Ask>
  );
}
