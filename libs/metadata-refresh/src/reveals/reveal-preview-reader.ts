import { inSnapshot, isCancelledStatement, raiseStatementTimeout } from '@app/database';
import { describeWarning } from '@app/metadata-fetch';
import {
  Collections,
  PreviewsNotSupported,
  previewRecord,
  StagingStore,
  TokenStore,
  type StagedDocument,
  type TokenRecord,
} from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { ReadGate } from '../receipt/bounded-reads.js';
import { ReadsBusy } from '../metadata-refresh.errors.js';
import { adviceFor } from '../receipt/reason-advice.js';
import { RefreshTokensReader, type RefreshToken } from '../receipt/refresh-tokens-reader.js';
import { toShownRecord } from '../shown-record.js';
import { KeptResults } from './kept-results.js';
import { toLint, type LintFinding } from './reveal-lint.js';
import type {
  PublicationEffect,
  RevealChanges,
  RevealTraits,
  RevealToken,
  StagedChange,
  StagedTokenPage,
  StagedTokenQuery,
} from './reveal-preview.js';
import { RevealReader, type RevealRow } from './reveal-reader.js';
import type { Reveal, RevealReference } from './reveal.js';
import { RevealDocumentsDeleted, RevealNotFound, TokenNotInReveal } from './reveals.errors.js';

/** Reads of whole reveals that run in one process. */
const MAX_READS = 2;
/** Of such a read. A hundred thousand documents take a few seconds. */
const STATEMENT_TIMEOUT_SECONDS = 14;
/** Results about more documents are cached, for a millisecond per document, so frequent requests cost little. */
const SMALL_REVEAL = 5000;
/** Retries of a reveal that are searched for a token that is not staged. */
const MAX_REFRESHES = 100;

/** A staged document, and what publishing it would do. */
interface Staged extends StagedChange {
  document: StagedDocument;
  /** The record as it would be; null: the token is no longer registered. */
  record: TokenRecord | null;
  effect: PublicationEffect;
}

/**
 * Reads open reveals as they would be when they are published, and changes nothing. Each read is of one snapshot, in which the documents
 * are all there or the reveal has ended. Those of a whole reveal go through all of its documents: few run at once in a process, and
 * results about many documents are kept for a while.
 */
@Injectable()
export class RevealPreviewReader {
  private readonly gate = new ReadGate(MAX_READS);
  private readonly kept = new KeptResults();

  constructor(
    private readonly em: EntityManager,
    private readonly reader: RevealReader,
    private readonly staging: StagingStore,
    private readonly tokens: TokenStore,
    private readonly collections: Collections,
    private readonly refreshTokens: RefreshTokensReader,
  ) {}

  /** null: tokens are pending, it has ended, or it cannot be told now. */
  async findChanges(reveal: Reveal): Promise<RevealChanges | null> {
    if (reveal.state !== 'staged') return null;
    return orNull(() =>
      this.readAll('changes', reveal, async (em, row) => {
        return { ...(await this.staging.compare(em, toStaged(row))), asOf: new Date(row.now) };
      }),
    );
  }

  /** null as findChanges. */
  async findLint(reveal: Reveal): Promise<LintFinding[] | null> {
    if (reveal.state !== 'staged') return null;
    const lint = await orNull(() => this.lint({ revealId: reveal.id }));
    return lint && lint.findings;
  }

  /** Throws RevealNotFound, RevealDocumentsDeleted, PreviewsNotSupported, ReadsBusy. */
  async listTraits(reference: RevealReference, valuesPerType?: number): Promise<RevealTraits> {
    const reveal = await this.reader.get(reference);
    const collection = await this.collections.find(reveal.collectionId);
    if (!collection) throw new RevealNotFound(reveal.id);
    const traits = await this.readAll(`traits ${valuesPerType}`, reveal, (em, row) =>
      this.staging.listTraits(em, toStaged(row), valuesPerType),
    );
    return { collection, traits };
  }

  /** Throws as listTraits. */
  async lint(reference: RevealReference): Promise<{ asOf: Date; findings: LintFinding[] }> {
    const reveal = await this.reader.get(reference);
    return this.readAll('lint', reveal, async (em, row) => {
      return { asOf: new Date(row.now), findings: toLint(await this.staging.inspect(em, toStaged(row))) };
    });
  }

  /** Throws RevealNotFound, RevealDocumentsDeleted, TokenNotInReveal. */
  async getToken(reference: RevealReference, tokenId: string): Promise<RevealToken> {
    const { reveal, staged } = await inSnapshot(this.em, async (em) => {
      const row = await this.lookAt(em, reference);
      const [found] = await this.readPage(em, row, { limit: 1, after: String(BigInt(tokenId) - 1n) });
      return { reveal: row, staged: found?.document.tokenId === tokenId ? found : null };
    });
    if (staged) return toRevealToken(staged);
    const token = await this.findToken(reveal, tokenId);
    if (!token) throw new TokenNotInReveal(reveal.id, tokenId);
    return withoutDocument(token);
  }

  /** Throws RevealNotFound, RevealDocumentsDeleted. */
  async listTokens(reference: RevealReference, { limit, after }: StagedTokenQuery): Promise<StagedTokenPage> {
    return inSnapshot(this.em, async (em) => {
      const reveal = await this.lookAt(em, reference);
      const staged = await this.readPage(em, reveal, { limit, after });
      const last = staged.at(-1)?.document.tokenId;
      // A page is short also if its documents are large.
      const hasMore = last !== undefined && (await this.readPage(em, reveal, { limit: 1, after: last })).length > 0;
      return { rows: staged.map(toRow), next: hasMore ? last : null };
    });
  }

  private readAll<Result>(
    what: string,
    reveal: Reveal,
    read: (em: EntityManager, reveal: RevealRow) => Promise<Result>,
  ): Promise<Result> {
    const { id: revealId, state, staged, pending } = reveal;
    const key = [what, revealId, state, staged, pending].join(' ');
    const compute = () =>
      this.gate.run(() =>
        inSnapshot(this.em, async (em) => {
          const row = await this.lookAt(em, { revealId });
          await raiseStatementTimeout(em, STATEMENT_TIMEOUT_SECONDS);
          return read(em, row);
        }),
      );
    return this.kept.get(key, staged > SMALL_REVEAL ? staged : 0, compute, isCancelledStatement);
  }

  private async lookAt(em: EntityManager, reference: RevealReference): Promise<RevealRow> {
    const reveal = await this.reader.get(reference, em);
    const { state } = reveal;
    if (state !== 'staging' && state !== 'staged' && state !== 'publishing') throw new RevealDocumentsDeleted(reveal);
    return reveal;
  }

  private async readPage(em: EntityManager, reveal: RevealRow, { limit, after }: StagedTokenQuery): Promise<Staged[]> {
    const documents = await this.staging.page(em, { ...toStaged(reveal), limit, after: after ?? null });
    if (documents.length === 0) return [];
    const [records, states, collection] = [
      await this.tokens.findTokens(documents, em),
      await this.tokens.findStored(documents, em),
      await this.collections.find(reveal.collectionId),
    ];
    const recordOf = new Map(records.map((record) => [record.tokenId, record]));
    const stateOf = new Map(states.map((stored) => [stored.tokenId, stored]));
    const keepsPushed = collection?.effectivePushPolicy() === 'push_wins';
    const fetchedAt = new Date(reveal.now);
    return documents.map((document): Staged => {
      const before = recordOf.get(document.tokenId);
      if (!before) return { ...NO_CHANGE, document, record: null, effect: 'missing' };
      const { record, change } = previewRecord(before, { ...document, fetchedAt });
      const lastFetchSeq = stateOf.get(document.tokenId)?.lastFetchSeq ?? '0';
      // As RevealPublication decides. A hold that is older than the document ends.
      const isSuperseded =
        BigInt(document.fetchSeq) < BigInt(lastFetchSeq) || (keepsPushed && before.metadataSource === 'pushed');
      const effect = isSuperseded ? 'superseded' : change ? 'updated' : 'unchanged';
      return { ...(change ?? NO_CHANGE), document, record, effect };
    });
  }

  /** In the last refresh of the reveal that has it. */
  private async findToken({ id, collectionId }: RevealRow, tokenId: string): Promise<RefreshToken | null> {
    const { rows } = await sql<{ refreshId: string }>`
      select id as "refreshId" from nft_metadata.refreshes where reveal_id = ${id}::uuid
      order by created_at desc, id desc
      limit ${MAX_REFRESHES}`.execute(this.em.fork().getKysely());
    for (const { refreshId } of rows) {
      const [token] = await this.refreshTokens.pick({ id: refreshId, collectionId }, [tokenId]);
      if (token) return token;
    }
    return null;
  }
}

const NO_CHANGE: StagedChange = { changedFields: [], traitsAdded: [], traitsRemoved: [], hasAllTraits: true };

async function orNull<Result>(read: () => Promise<Result>): Promise<Result | null> {
  try {
    return await read();
  } catch (error) {
    if (isUnavailable(error)) return null;
    throw error;
  }
}

/** Of errors for which the state of a reveal is read all the same: it has just ended, or its changes cannot be told in time, or never. */
function isUnavailable(error: unknown): boolean {
  const expected = [RevealDocumentsDeleted, ReadsBusy, PreviewsNotSupported];
  return expected.some((kind) => error instanceof kind) || isCancelledStatement(error);
}

function toStaged({ id: revealId, collectionId }: Reveal) {
  return { revealId, collectionId };
}

function toRevealToken({ document, record, effect, ...change }: Staged): RevealToken {
  const { tokenId, metadata, metadataUrl } = document;
  return {
    ...toChange(change),
    ...(record ? toShownRecord(record, metadata.raw) : { record: null, document: null, omitted: null }),
    tokenId,
    verdict: 'staged',
    effect,
    error: null,
    metadataUrl,
    warnings: metadata.warnings.map((code) => ({ code, message: describeWarning(code) })),
  };
}

function withoutDocument({ tokenId, verdict, errorCode, reason, statusCode, metadataUrl }: RefreshToken): RevealToken {
  return {
    ...NO_CHANGE,
    tokenId,
    // A document that was staged is not there when its reveal has just ended; then this is not reached.
    verdict,
    effect: null,
    error:
      errorCode === null || reason === null
        ? null
        : { errorCode, reason, advice: adviceFor(errorCode, reason), statusCode },
    metadataUrl: metadataUrl || null,
    record: null,
    document: null,
    omitted: null,
    warnings: [],
  };
}

function toRow({ document, effect, ...change }: Staged): StagedTokenPage['rows'][number] {
  const { tokenId, metadata } = document;
  const { name, imageUrl, warnings } = metadata;
  return { ...toChange(change), tokenId, effect, name, imageUrl, warnings };
}

function toChange({ changedFields, traitsAdded, traitsRemoved, hasAllTraits }: StagedChange): StagedChange {
  return { changedFields, traitsAdded, traitsRemoved, hasAllTraits };
}
