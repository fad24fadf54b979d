import { PushedDocuments } from '@app/metadata-fetch';
import { StackWriter, TokenStore } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import type { RefreshingProject } from '../admission/refresh-limits.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';
import { EmptyMetadata } from './metadata-push.errors.js';
import { PushAdmission } from './push-admission.js';
import { withKeptFields, type PushedToken, type PushReceipt, type PushRequest } from './push-request.js';
import { PushTransaction, type NewPush, type OpenPush, type PushedRecord } from './push-transaction.js';

/** Writes metadata that its owner sends for tokens: no document is fetched. */
@Injectable()
export class MetadataPush {
  constructor(
    private readonly admission: PushAdmission,
    private readonly tokens: TokenStore,
    private readonly stacks: StackWriter,
    private readonly documents: PushedDocuments,
    private readonly transaction: PushTransaction,
  ) {}

  /** See MetadataRefreshService.push. */
  async push(project: RefreshingProject, request: PushRequest): Promise<PushReceipt> {
    // Of a token that is given twice, the later document counts.
    const tokens = [...new Map(request.tokens.map((token) => [token.tokenId, token])).values()];
    const push = await this.admission.begin(project, request, tokens.length);
    const { collection } = push;
    // With kept fields, the record is to be read first.
    const isComplete = tokens.every(({ keptFields = [] }) => keptFields.length === 0);
    const prepared = isComplete ? await this.transaction.prepare(push, this.read(tokens)) : null;
    return this.transaction.run(push, async (open) => {
      await open.begin(tokens.map(({ tokenId }) => tokenId));
      const records = prepared ?? (await this.readWithKeptFields(open, push, tokens));
      await open.write(records);
      await this.stacks.assign(
        open.em,
        collection.id,
        records.map(({ tokenId, metadata: { contentHash } }) => ({
          tokenId,
          contentHash,
          newStackId: timeOrderedUuid(),
        })),
      );
    });
  }

  /** The records are locked, so the kept fields are still current when this push is written. */
  private async readWithKeptFields(
    { em }: OpenPush,
    { collection }: NewPush,
    tokens: readonly PushedToken[],
  ): Promise<PushedRecord[]> {
    const references = tokens.map(({ tokenId }) => ({ collectionId: collection.id, tokenId }));
    const records = await this.tokens.findTokens(references, em);
    const byId = new Map(records.map((record) => [record.tokenId, record]));
    return this.read(tokens.map((token) => ({ ...token, document: withKeptFields(token, byId.get(token.tokenId)) })));
  }

  private read(tokens: readonly PushedToken[]): PushedRecord[] {
    return tokens.map(({ tokenId, document }) => {
      const metadata = this.documents.read(document);
      if (!metadata) throw new EmptyMetadata(`token ${tokenId}`, { tokenId });
      return { tokenId, metadata };
    });
  }
}
