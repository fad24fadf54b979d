import { inTransaction } from '@app/database';
import type { FetchedMetadata } from '@app/metadata-fetch';
import {
  TokenStore,
  VersionStore,
  type Collection,
  type MetadataWrite,
  type TokenReference,
  type WriteResult,
} from '@app/token-store';
import { traceparentOf } from '@app/tracing';
import { EntityManager } from '@mikro-orm/postgresql';
import type { Span } from '@opentelemetry/api';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { insertResults } from '../completion/chunk-results.js';
import { shareContent } from '../completion/content-lock.js';
import { writeRecords, type RecordParts } from '../completion/written-records.js';
import { EventOutbox, type RecordedChange } from '../event-outbox.js';
import { nextFetchSeq } from '../fetch-seq.js';
import { KeyedMutex } from '../keyed-mutex.js';
import { TokensNotFound } from '../metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { insertRefresh } from '../admission/new-refresh.js';
import { countResults, type ResultCount } from '../completion/refresh-progress.js';
import { RefreshQuota } from '../admission/refresh-quota.js';
import { inAcceptanceSpan, setAccepted } from '../refresh-trace.js';
import { doDeferred, retried } from '../retried-transaction.js';
import { VERDICTS } from '../verdict.js';
import type { PushReceipt } from './push-request.js';

/** A push that is being accepted. */
export interface NewPush {
  refreshId: string;
  projectId: string;
  collection: Collection;
  /** The limit of the project. */
  tokensPerHour: number;
  /** What the push takes of the quota. */
  charge: number;
  /** A last condition, inside the transaction: what it throws refuses the push. */
  admit?: ((em: EntityManager) => Promise<void>) | undefined;
}

/** A record that is to be written. */
export interface PushedRecord {
  tokenId: string;
  metadata: FetchedMetadata;
  /** What the store knows of the record, for a cheaper write. */
  known?: unknown;
}

/** Records that one statement writes. */
const BATCH_SIZE = 500;

/**
 * What all pushes have in common. One transaction writes all records with their traits and events, the receipt, and what the push takes
 * of the limits; so the response is given when readers see the new metadata, and a push that is refused has written and counted nothing.
 *
 * A record gets a number of the same sequence as fetches do, drawn while the record is locked: a fetch that was claimed before is
 * superseded, and one that is claimed after it may overwrite it. A push ends holds of its tokens, and no refresh follows them.
 */
@Injectable()
export class PushTransaction {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  /** A project's pushes would wait for its quota anyhow; here they wait without a connection, which others need. */
  private readonly byProject = new KeyedMutex();

  constructor(
    private readonly em: EntityManager,
    private readonly tokens: TokenStore,
    private readonly versions: VersionStore,
    private readonly quota: RefreshQuota,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /** Inserts what must be committed before the records are locked. Returns the records with what the store knows of them. */
  async prepare(push: NewPush, records: readonly PushedRecord[]): Promise<PushedRecord[]> {
    const stored = await this.tokens.findStored(referencesOf(push, records));
    const known = new Map(stored.map((token) => [token.tokenId, token.known]));
    const prepared = records.map((record) => ({ ...record, known: known.get(record.tokenId) }));
    await this.tokens.prepareWrites(prepared.map((record) => toWrite(push, record, '0')));
    return prepared;
  }

  /** `work` begins the push and writes its records. It is called again if the transaction met another one. */
  async run(push: NewPush, work: (open: OpenPush) => Promise<void>): Promise<PushReceipt> {
    const { projectId, tokensPerHour, charge } = push;
    return this.byProject.runExclusive(projectId, async () => {
      await this.quota.precheck(projectId, tokensPerHour, charge);
      const of = { projectId, collectionAddress: push.collection.address, trigger: 'push' as const };
      return inAcceptanceSpan(of, (span) => retried(() => this.attempt({ ...push, span }, work)));
    });
  }

  /** The order of locks: the content of the collection, records, stacks, trait counts, and at last the rows that most transactions want. */
  private async attempt(push: TracedPush, work: (open: OpenPush) => Promise<void>): Promise<PushReceipt> {
    const { refreshId, projectId, collection, tokensPerHour, charge, span } = push;
    const { quota, counts } = await inTransaction(this.em, async (em) => {
      const { tokens, versions, config, outbox } = this;
      const open = new OpenPush(em, push, { tokens, versions, config, outbox });
      await work(open);
      await open.finish();
      await push.admit?.(em);
      const left = await this.quota.reserve(em, { id: refreshId, projectId }, tokensPerHour, charge);
      return { quota: left, counts: open.counts };
    });
    this.outbox?.announce();
    setAccepted(span, refreshId, counts.tokens);
    this.logger.log({ msg: 'metadata pushed', refreshId, projectId, collectionAddress: collection.address, ...counts });
    return { refreshId, quota };
  }
}

/** A push, and the span that accepts it. */
type TracedPush = NewPush & { span: Span | undefined };

type Parts = RecordParts & { versions: VersionStore };

/** A push inside its transaction. */
export class OpenPush {
  private fetchSeq = '0';
  private readonly late: (() => Promise<void>)[] = [];
  /** The same for all batches, so that the store counts their traits together, and locks the rows of the counts in one order. */
  private readonly defer = (work: () => Promise<void>) => void this.late.push(work);
  private readonly results: ResultCount[] = [];
  private changed = 0;
  /** Of the last batch, which are written with the completion. */
  private changes: RecordedChange[] = [];

  constructor(
    readonly em: EntityManager,
    private readonly push: TracedPush,
    private readonly parts: Parts,
  ) {}

  get counts() {
    return { tokens: this.results.length, changed: this.changed };
  }

  /** Locks the records, and inserts the receipt. Throws TokensNotFound. */
  async begin(tokenIds: readonly string[]): Promise<void> {
    const { em, push, parts } = this;
    const { refreshId, projectId, collection, span } = push;
    const references = referencesOf(
      push,
      tokenIds.map((tokenId) => ({ tokenId })),
    );
    await shareContent(em, collection);
    await parts.tokens.lockTokens(em, references);
    const unknown = await parts.tokens.findUnknown(em, collection.id, tokenIds);
    if (unknown.length > 0) throw new TokensNotFound(unknown);
    await parts.versions.dropHolds(em, references);
    this.fetchSeq = await nextFetchSeq(em);
    await insertRefresh(
      {
        id: refreshId,
        projectId,
        collection,
        source: { kind: 'pushed' },
        trigger: 'push',
        traceparent: traceparentOf(span),
      },
      tokenIds.length,
    ).execute(em.getKysely());
  }

  /** Writes records that `begin` has locked, with their results and events. */
  async write(records: readonly PushedRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += BATCH_SIZE) await this.writeBatch(records.slice(at, at + BATCH_SIZE));
  }

  /** The counts, on rows that other transactions want, and the completion: call it last. */
  async finish(): Promise<void> {
    await doDeferred(this.late);
    const completions = await countResults(this.em, this.results);
    await this.parts.outbox?.add(this.em, { changes: this.changes, completions });
  }

  private async writeBatch(records: readonly PushedRecord[]): Promise<void> {
    const { em, push, parts, fetchSeq, defer } = this;
    const { refreshId } = push;
    const writes = records.map((record) => toWrite(push, record, fetchSeq));
    const { written, changes } = await writeRecords(em, parts, writes, { defer });
    const missing = writes.filter((_, index) => written[index]!.result === 'missing');
    if (missing.length > 0) throw new TokensNotFound(missing.map(({ tokenId }) => tokenId));
    const verdicts = writes.map(({ tokenId }, index) => {
      const { result, version } = written[index]!;
      return { refreshId, tokenId, verdict: verdictOf(result), metadataVersion: version };
    });
    await insertResults(
      em,
      verdicts.map((verdict) => ({ ...verdict, attempts: 0, error: null })),
    );
    this.results.push(...verdicts.map(({ verdict }) => ({ refreshId, verdict })));
    this.changed += written.filter(({ result }) => result === 'changed').length;
    await parts.outbox?.add(em, { changes: this.changes });
    this.changes = changes.map((change) => ({ ...change, refreshIds: [] }));
  }
}

function referencesOf({ collection }: NewPush, tokens: readonly Pick<PushedRecord, 'tokenId'>[]): TokenReference[] {
  return tokens.map(({ tokenId }) => ({ collectionId: collection.id, tokenId }));
}

/** No URL and no validators: a later fetch must not be told that a document which was pushed has not been modified. */
function toWrite(
  { refreshId, collection, projectId }: NewPush,
  { tokenId, metadata, known }: PushedRecord,
  fetchSeq: string,
): MetadataWrite {
  return {
    collectionId: collection.id,
    tokenId,
    fetchSeq,
    metadata,
    metadataUrl: null,
    metadataSource: 'pushed',
    pushedBy: projectId,
    refreshId,
    trigger: 'push',
    known,
  };
}

function verdictOf(result: WriteResult) {
  if (result === 'changed') return VERDICTS.updated;
  return result === 'unchanged' ? VERDICTS.unchanged : VERDICTS.superseded;
}
