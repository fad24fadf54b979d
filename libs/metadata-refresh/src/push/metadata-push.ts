import { inTransaction } from '@app/database';
import { PushedDocuments, type FetchedMetadata } from '@app/metadata-fetch';
import {
  TokenStore,
  VersionStore,
  type Collection,
  type MetadataChange,
  type MetadataWrite,
  type StoredToken,
  type WriteResult,
} from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { insertResults } from '../chunk-results.js';
import { EventOutbox } from '../event-outbox.js';
import { nextFetchSeq } from '../fetch-seq.js';
import { KeyedMutex } from '../keyed-mutex.js';
import { TokensNotFound, TokensPerRequestExceeded } from '../metadata-refresh.errors.js';
import { keepsDocuments, METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { insertRefresh } from '../new-refresh.js';
import { OwnedCollections } from '../owned-collections.js';
import { ProjectRefreshLimits, type RefreshingProject } from '../refresh-limits.js';
import { countResults } from '../refresh-progress.js';
import { RefreshQuota } from '../refresh-quota.js';
import { doDeferred, retried } from '../retried-transaction.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';
import { VERDICTS } from '../verdict.js';
import { EmptyMetadata } from './metadata-push.errors.js';
import { withKeptFields, type PushedToken, type PushReceipt, type PushRequest } from './push-request.js';

interface Push {
  refreshId: string;
  projectId: string;
  collection: Collection;
  tokens: readonly PushedToken[];
  tokensPerHour: number;
  admit: PushRequest['admit'];
}

/** A write without its number, which is drawn when the records are locked. */
type Prepared = Omit<MetadataWrite, 'fetchSeq'>;

/**
 * Writes metadata that its owner sends: no document is fetched. One transaction writes all records with their traits and events, the
 * receipt, and what it takes of the limits; so the response is given when readers see the new metadata, and a push that is refused
 * has written and counted nothing.
 *
 * A record gets a number of the same sequence as fetches do, drawn while the record is locked: a fetch that was claimed before is
 * superseded, and one that is claimed after it may overwrite it. A push ends holds of its tokens, and no refresh follows them.
 */
@Injectable()
export class MetadataPush {
  private readonly logger = new Logger('MetadataRefresh');
  /** A project's pushes would wait for its quota anyhow; here they wait without a connection, which others need. */
  private readonly byProject = new KeyedMutex();

  constructor(
    private readonly em: EntityManager,
    private readonly collections: OwnedCollections,
    private readonly tokens: TokenStore,
    private readonly versions: VersionStore,
    private readonly documents: PushedDocuments,
    private readonly limits: ProjectRefreshLimits,
    private readonly quota: RefreshQuota,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /** See MetadataRefreshService.push. */
  async push(project: RefreshingProject, request: PushRequest): Promise<PushReceipt> {
    const { tokensPerRequest, tokensPerHour } = this.limits.of(project);
    // Of a token that is given twice, the later document counts.
    const tokens = [...new Map(request.tokens.map((token) => [token.tokenId, token])).values()];
    if (tokens.length > tokensPerRequest) throw new TokensPerRequestExceeded(tokensPerRequest, tokens.length);
    const collection = await this.collections.get(project.id, request.collectionAddress, request.chainId);
    const refreshId = timeOrderedUuid();
    const push = { refreshId, projectId: project.id, collection, tokens, tokensPerHour, admit: request.admit };
    const prepared = await this.prepare(push);
    return this.byProject.runExclusive(project.id, async () => {
      await this.quota.precheck(project.id, tokensPerHour, tokens.length);
      return retried(() => this.write(push, prepared));
    });
  }

  /** Reads the documents, and inserts what must be committed before the records are locked. null: a record is to be read first. */
  private async prepare(push: Push): Promise<Prepared[] | null> {
    if (push.tokens.some(({ keptFields = [] }) => keptFields.length > 0)) return null;
    const documents = push.tokens.map((token) => this.read(token));
    const stored = await this.tokens.findStored(referencesOf(push));
    const prepared = toWrites(push, documents, stored);
    await this.tokens.prepareWrites(prepared.map((write) => ({ ...write, fetchSeq: '0' })));
    return prepared;
  }

  private async write(push: Push, prepared: Prepared[] | null): Promise<PushReceipt> {
    const { refreshId, projectId, collection, tokens, tokensPerHour } = push;
    const { quota, changed } = await inTransaction(this.em, async (em) => {
      await this.tokens.lockTokens(em, referencesOf(push));
      const unknown = await this.tokens.findUnknown(
        em,
        collection.id,
        tokens.map(({ tokenId }) => tokenId),
      );
      if (unknown.length > 0) throw new TokensNotFound(unknown);
      await this.versions.dropHolds(em, referencesOf(push));
      const fetchSeq = await nextFetchSeq(em);
      const writes = (prepared ?? (await this.readWithKeptFields(em, push))).map((write) => ({ ...write, fetchSeq }));
      const { changes, late, verdicts } = await this.writeRecords(em, writes);

      // After the records, before the row that most transactions want.
      await insertRefresh(
        { ...push, id: refreshId, source: { kind: 'pushed' }, trigger: 'push' },
        tokens.length,
      ).execute(em.getKysely());
      await insertResults(
        em,
        verdicts.map((verdict) => ({ ...verdict, refreshId, attempts: 0, error: null })),
      );
      await doDeferred(late);
      const completions = await countResults(
        em,
        verdicts.map(({ verdict }) => ({ refreshId, verdict })),
      );
      await push.admit?.(em);
      const left = await this.quota.reserve(em, { id: refreshId, projectId }, tokensPerHour, tokens.length);
      await this.outbox?.add(em, { changes: changes.map((change) => ({ ...change, refreshIds: [] })), completions });
      return { quota: left, changed: changes.length };
    });
    this.outbox?.announce();
    this.logger.log({
      msg: 'metadata pushed',
      refreshId,
      projectId,
      collectionAddress: collection.address,
      tokens: tokens.length,
      changed,
    });
    return { refreshId, quota };
  }

  private async writeRecords(em: EntityManager, writes: readonly MetadataWrite[]) {
    const changes: MetadataChange[] = [];
    const late: (() => Promise<void>)[] = [];
    const versions = new Map<MetadataWrite, number>();
    const results = await this.tokens.writeMetadata(em, writes, {
      onChange: (change) => void changes.push(change),
      onVersion: (write, version) => void versions.set(write, version),
      defer: (work) => void late.push(work),
      keepReplaced: keepsDocuments(this.config),
    });
    const missing = writes.filter((_, index) => results[index] === 'missing');
    if (missing.length > 0) throw new TokensNotFound(missing.map(({ tokenId }) => tokenId));
    const verdicts = writes.map((write, index) => {
      const { tokenId } = write;
      return { tokenId, verdict: verdictOf(results[index]!), metadataVersion: versions.get(write) ?? null };
    });
    return { changes, late, verdicts };
  }

  /** Their records are locked, so what is kept is what is stored when this push is written. */
  private async readWithKeptFields(em: EntityManager, push: Push): Promise<Prepared[]> {
    const records = await this.tokens.findTokens(referencesOf(push), em);
    const byId = new Map(records.map((record) => [record.tokenId, record]));
    const documents = push.tokens.map((token) => this.read(withKeptFields(token, byId.get(token.tokenId))));
    return toWrites(push, documents, []);
  }

  private read({ tokenId, document }: PushedToken): FetchedMetadata {
    const metadata = this.documents.read(document);
    if (!metadata) throw new EmptyMetadata(tokenId);
    return metadata;
  }
}

function referencesOf({ collection, tokens }: Push) {
  return tokens.map(({ tokenId }) => ({ collectionId: collection.id, tokenId }));
}

/** No URL and no validators: a later fetch must not be told that a document which was pushed has not been modified. */
function toWrites(
  { collection, tokens, refreshId, projectId }: Push,
  documents: readonly FetchedMetadata[],
  stored: readonly StoredToken[],
): Prepared[] {
  const known = new Map(stored.map((token) => [token.tokenId, token.known]));
  return tokens.map(({ tokenId }, index) => ({
    collectionId: collection.id,
    tokenId,
    metadata: documents[index]!,
    metadataUrl: null,
    metadataSource: 'pushed',
    pushedBy: projectId,
    refreshId,
    trigger: 'push',
    known: known.get(tokenId),
  }));
}

function verdictOf(result: WriteResult) {
  if (result === 'changed') return VERDICTS.updated;
  return result === 'unchanged' ? VERDICTS.unchanged : VERDICTS.superseded;
}
