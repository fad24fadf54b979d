import { REFRESH, type Mutation } from '../mutation.js';

export const COALESCING: readonly Mutation[] = [
  {
    promise: 'A fetch serves every refresh that was accepted before it began',
    file: `${REFRESH}completion/item-result.ts`,
    breaks: 'Nothing is settled without a fetch',
    find: 'if (lastFetchSeq === undefined) return null;',
    replace: 'if (lastFetchSeq === undefined || items) return null;',
    suite: 'test/queue-chunks.e2e-spec.ts',
    title:
      'a token that several refreshes wait for is not fetched again for a refresh that was accepted before the last fetch began',
  },
  {
    promise: 'A refresh is not settled by a fetch that began before it was accepted',
    file: `${REFRESH}completion/item-result.ts`,
    breaks: 'Any fetch settles a refresh',
    find: 'const isLater = (seq: string, { acceptedSeq }: ClaimedItem) => BigInt(seq) > BigInt(acceptedSeq);',
    replace: 'const isLater = (seq: string, _: ClaimedItem) => BigInt(seq) > 0n;',
    suite: 'test/duplicate-fetches.e2e-spec.ts',
    title: 'a fetch is made for every new refresh, also for a token that was fetched a moment ago',
  },
  {
    promise: 'A refresh is not settled by a fetch from an earlier source',
    file: `${REFRESH}worker/claimer.ts`,
    breaks: 'Any source is as good',
    find: 'return isLater || isDeepStrictEqual(source, last.source);',
    replace: 'return true || isLater || isDeepStrictEqual(source, last.source);',
    suite: 'test/queue-chunks.e2e-spec.ts',
    title:
      'a token is fetched from the new Metadata API of its collection, also if a fetch from the previous one began after the refresh was accepted',
  },
  {
    promise: 'A refresh is not settled by a push or a restore',
    file: `${REFRESH}queue/refresh-queue.ts`,
    breaks: 'They count as fetches',
    find: `and trigger not in ('push', 'restore')`,
    replace: '',
    suite: 'test/token-restore.e2e-spec.ts',
    title:
      'a refresh that was accepted before a restore, and is fetched after it, is fetched, not settled by the restore',
  },
  {
    promise: 'A token of a reveal is never settled without a fetch',
    file: `${REFRESH}queue/claimed-token.ts`,
    breaks: 'It is settled like others',
    find: 'if (token.revealId !== undefined) return url === null ? token : { ...token, hasDocument };',
    replace: '',
    suite: 'test/reveal-staging.e2e-spec.ts',
    title: 'a token whose last fetch began after the reveal was accepted is fetched all the same',
  },
  {
    promise: 'A scheduled refresh is not settled by a fetch before its beginning',
    file: `${REFRESH}admission/scheduled-refreshes.ts`,
    breaks: 'It keeps the number of its acceptance',
    find: `accepted_seq = nextval('nft_metadata.fetch_seq'), `,
    replace: '',
    suite: 'test/scheduled-refreshes.e2e-spec.ts',
    title: 'a scheduled refresh fetches tokens again that were fetched between its acceptance and its beginning',
  },
  {
    promise: 'All refreshes that wait for a token share one fetch',
    file: `${REFRESH}queue/refresh-queue.ts`,
    breaks: 'Each chunk has a fetch of its own',
    find: `const key = \`\${part.chunk.revealId ?? ''}/`,
    replace: `const key = \`\${part.chunkId}/`,
    suite: 'test/duplicate-fetches.e2e-spec.ts',
    title: 'one fetch serves every refresh that waits for the token, also when they are accepted at the same time',
  },
  {
    promise: 'A refresh that is settled without a fetch says whether the content changed since its acceptance',
    file: `${REFRESH}completion/item-result.ts`,
    breaks: 'It always says that it did',
    find: 'isChanged: isLater(lastChangeSeq, item)',
    replace: 'isChanged: isLater(lastChangeSeq, item) || true',
    suite: 'test/queue-chunks.e2e-spec.ts',
    title:
      'a token that several refreshes wait for is not fetched again for a refresh that was accepted before the last fetch began',
  },
];
