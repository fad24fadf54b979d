import { CollectionProfiles } from '@app/token-store';
import type { TestApp, TestProject } from './start-app.js';

/** Gives the collection of the project a name, and nothing else of a profile. */
export async function nameCollection(
  { app }: Pick<TestApp, 'app'>,
  { collectionId }: Pick<TestProject, 'collectionId'>,
  name: string,
): Promise<void> {
  await app.get(CollectionProfiles).push(collectionId, {
    name,
    symbol: null,
    description: null,
    image: null,
    externalLink: null,
    contractUri: null,
    baseUri: null,
  });
}
