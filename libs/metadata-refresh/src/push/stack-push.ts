import { PushedDocuments, type FetchedMetadata } from '@app/metadata-fetch';
import { StackWriter, TokenStore, type Collection } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { RefreshingProject } from '../admission/refresh-limits.js';
import { StoreChanged } from '../retried-transaction.js';
import { EmptyMetadata, StacksNotFound, StacksTooLarge } from './metadata-push.errors.js';
import { PushAdmission } from './push-admission.js';
import { withKeptFields, type PushedStack, type PushReceipt, type StackPushRequest } from './push-request.js';
import { PushTransaction, type NewPush, type OpenPush } from './push-transaction.js';

/** Tokens of each stack, by its id. */
type StackedTokens = ReadonlyMap<string, readonly string[]>;

/** Tokens that one push writes. They are locked until its end. */
const MAX_TOKENS = 100_000;

/**
 * Writes metadata that its owner sends for stacks: each token of a stack gets the document, in one transaction, and stays in the stack.
 * A stack is charged as one token.
 */
@Injectable()
export class StackPush {
  constructor(
    private readonly em: EntityManager,
    private readonly admission: PushAdmission,
    private readonly tokens: TokenStore,
    private readonly stacks: StackWriter,
    private readonly documents: PushedDocuments,
    private readonly transaction: PushTransaction,
  ) {}

  /** See MetadataRefreshService.pushStacks. */
  async push(project: RefreshingProject, request: StackPushRequest): Promise<PushReceipt> {
    // Of a stack that is given twice, the later document counts.
    const stacks = [...new Map(request.stacks.map((stack) => [stack.stackId, stack])).values()];
    const push = await this.admission.begin(project, request, stacks.length);
    const { collection } = push;
    let found = await this.find(this.em.fork(), collection, stacks);
    await this.prepare(push, stacks, found);
    return this.transaction.run(push, async (open) => {
      await open.begin([...found.values()].flat());
      await this.stacks.lock(open.em, collection.id);
      const locked = found;
      found = await this.find(open.em, collection, stacks);
      if (!isSame(locked, found)) throw new StoreChanged('other tokens are in the stacks now');
      const contents = [];
      for (const stack of stacks) {
        const tokenIds = found.get(stack.stackId)!;
        const metadata = this.read(await this.withKeptFields(open, collection, stack, tokenIds[0]!));
        await open.write(tokenIds.map((tokenId) => ({ tokenId, metadata })));
        contents.push({ id: stack.stackId, contentHash: metadata.contentHash });
      }
      await this.stacks.changeContent(open.em, contents);
    });
  }

  private async find(em: EntityManager, { id }: Collection, stacks: readonly PushedStack[]): Promise<StackedTokens> {
    const ids = stacks.map(({ stackId }) => stackId);
    const found = await this.stacks.findTokens(em, id, ids);
    const unknown = ids.filter((stackId) => !found.has(stackId));
    if (unknown.length > 0) throw new StacksNotFound(unknown);
    const total = [...found.values()].reduce((sum, { length }) => sum + length, 0);
    if (total > MAX_TOKENS) throw new StacksTooLarge(MAX_TOKENS, total);
    return found;
  }

  /** All tokens of a stack change in the same way, so one of each tells which trait values are new. */
  private async prepare(push: NewPush, stacks: readonly PushedStack[], found: StackedTokens): Promise<void> {
    const complete = stacks.filter(({ keptFields = [] }) => keptFields.length === 0);
    const records = complete.map((stack) => ({ tokenId: found.get(stack.stackId)![0]!, metadata: this.read(stack) }));
    await this.transaction.prepare(push, records);
  }

  /** All tokens of a stack show the same, and their records are locked. */
  private async withKeptFields(
    { em }: OpenPush,
    { id: collectionId }: Collection,
    stack: PushedStack,
    tokenId: string,
  ): Promise<PushedStack> {
    if (!stack.keptFields?.length) return stack;
    const [record] = await this.tokens.findTokens([{ collectionId, tokenId }], em);
    return { ...stack, document: withKeptFields(stack, record) };
  }

  private read({ stackId, document }: PushedStack): FetchedMetadata {
    const metadata = this.documents.read(document);
    if (!metadata) throw new EmptyMetadata(`metadata id ${stackId}`, { stackId });
    return metadata;
  }
}

function isSame(one: StackedTokens, other: StackedTokens): boolean {
  return [...one].every(([stackId, tokenIds]) => {
    const others = other.get(stackId);
    return others?.length === tokenIds.length && tokenIds.every((tokenId, index) => tokenId === others[index]);
  });
}
