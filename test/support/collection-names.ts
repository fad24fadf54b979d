import { CollectionProfiles, type CollectionProfile } from '@app/token-store';
import type { TestApp, TestProject } from './start-app.js';

/** A profile that a collection pushes with its name, and nothing else. */
export const profileNamed = (name: string): CollectionProfile => ({
  name,
  symbol: null,
  description: null,
  image: null,
  externalLink: null,
  contractUri: null,
  baseUri: null,
});

/** Gives the collection of the project a name, and nothing else of a profile. */
export async function nameCollection(
  { app }: Pick<TestApp, 'app'>,
  { collectionId }: Pick<TestProject, 'collectionId'>,
  name: string,
): Promise<void> {
  await app.get(CollectionProfiles).push(collectionId, profileNamed(name));
}
