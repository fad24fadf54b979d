import { REFRESH, STORE, type Mutation } from '../mutation.js';

/** Reveals and holds. */
export const REVEALS: readonly Mutation[] = [
  {
    promise: 'A reveal that has ended takes no document (the fence of reveals)',
    file: `${REFRESH}reveals/open-reveals.ts`,
    breaks: 'It takes documents for ever',
    find: 'where id = any(${[...new Set(revealIds)]}::uuid[]) and ${isOpen}',
    replace: 'where id = any(${[...new Set(revealIds)]}::uuid[]) and (true or ${isOpen})',
    suite: 'test/reveal-staging.e2e-spec.ts',
    title: 'a cancelled reveal fetches nothing more, drops what is being fetched, and has no documents any more',
  },
  {
    promise: 'A collection that is being published is not claimed',
    file: `${REFRESH}queue/chunk-claim.ts`,
    breaks: 'It is claimed like others',
    find: 'where reveal.job is not null',
    replace: 'where false',
    suite: 'test/reveal-publication.e2e-spec.ts',
    title:
      'tokens of a collection that is being published are not claimed, results of those in flight are not written, and others go on',
  },
  {
    promise: 'Nothing is written into a collection that is being published',
    file: `${REFRESH}completion/completion-transaction.ts`,
    breaks: 'Completions do not look at the lock',
    find: 'if (free.size < collectionIds.size) throw new ContentLocked(free);',
    replace: '',
    suite: 'test/reveal-publication.e2e-spec.ts',
    title:
      'tokens of a collection that is being published are not claimed, results of those in flight are not written, and others go on',
  },
  {
    promise: 'A publication is shown as a whole or not at all',
    file: `${REFRESH}reveals/reveal-publication.ts`,
    breaks: 'Each page of records is committed by itself',
    find: 'const outcome = await this.write(em, reveal);',
    replace: 'const outcome = await this.write(this.em.fork(), reveal);',
    suite: 'test/reveal-readers.e2e-spec.ts',
    title: '10,000 tokens change at the same moment for readers of pages, filters, traits and records',
  },
  {
    promise: 'Of two documents that are staged for a token the later fetch counts',
    file: `${STORE}staging/database-staging-store.ts`,
    breaks: 'The last write counts',
    find: 'where staged.fetch_seq < excluded.fetch_seq',
    replace: 'where true',
    suite: 'test/reveal-staging.e2e-spec.ts',
    title:
      'of two documents that are staged for a token, the one whose fetch began later is shown, whichever is written first',
  },
  {
    promise: 'A held record is not fetched',
    file: `${REFRESH}completion/item-result.ts`,
    breaks: 'It is fetched all the same',
    find: 'return keptAs ? items.map',
    replace: 'return keptAs && !keptAs ? items.map',
    suite: 'test/token-restore.e2e-spec.ts',
    title: 'an event during a hold fetches nothing and ends as held; at the end of the hold, one refresh is made',
  },
  {
    promise: 'Pushed metadata that no fetch may replace (`push_wins`) is not replaced by a reveal',
    file: `${STORE}metadata-writer.ts`,
    breaks: 'What keeps a record is not looked at when a document is written',
    find: `if (token.keptAs && write.metadataSource !== 'pushed' && !withoutFetch) return token.keptAs;`,
    replace: '',
    suite: 'test/reveal-preview.e2e-spec.ts',
    title:
      'a pushed record that no fetch replaces stays, also if it is held, and a record that was held before is updated',
  },
  {
    promise: 'A refresh that meets a hold just as it ends fetches the token',
    file: `${REFRESH}completion/record-writes.ts`,
    breaks: 'A hold that ended meanwhile is not noticed',
    find: 'if (!stillHeld.has(keyOf(token)))',
    replace: 'if (stillHeld.size < 0)',
    suite: 'test/token-restore.e2e-spec.ts',
    title: 'a token whose hold ends before the result of its refresh is written is fetched, and not left as it was',
  },
  {
    promise: 'A token that no refresh met during its hold is not fetched after it',
    file: `${REFRESH}versions/ended-holds.ts`,
    breaks: 'Every token is fetched when its hold ends',
    find: 'ended.filter(({ isRefreshWanted }) => isRefreshWanted)',
    replace: 'ended',
    suite: 'test/token-restore.e2e-spec.ts',
    title: 'a hold that no refresh has met ends without one',
  },
  {
    promise: 'The retention does not delete a reveal whose revert was requested just before',
    file: `${REFRESH}reveals/reveal-retention.ts`,
    breaks: 'Whether it may be deleted is not looked at again after the wait for the request',
    find: 'where id = ${id}::uuid and ${condition}',
    replace: 'where id = ${id}::uuid',
    suite: 'test/reveal-revert.e2e-spec.ts',
    title:
      'a revert that is requested just before the retention deletes the reveal restores all of it, and the reveal stays',
  },
  {
    promise: 'A reveal that is being deleted is not reverted',
    file: `${REFRESH}reveals/reveal-reader.ts`,
    breaks: 'It exists until its row is deleted',
    find: 'and reveal.deleted_at is null',
    replace: 'and true',
    suite: 'test/reveal-revert.e2e-spec.ts',
    title:
      'a reveal that the retention has begun to delete does not exist any more, and no revert restores a part of it',
  },
];
