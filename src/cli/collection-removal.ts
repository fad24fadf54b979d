import type { Session } from './session.js';

/** Removes a collection with its tokens and listings. Returns how many tokens there were. */
export async function removeCollection(session: Pick<Session, 'get'>, collectionId: string): Promise<number> {
  const listings = await session.get('listings');
  return (await session.get('collections')).remove(collectionId, () => listings.deleteByCollection(collectionId));
}
