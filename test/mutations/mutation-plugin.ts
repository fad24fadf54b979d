import { fileURLToPath } from 'node:url';
import type { Vite } from 'vitest/node';
import { MUTATIONS } from './mutations.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Breaks one promise in the memory of a test run: the file that keeps it is loaded with the mutation of this index. */
export function mutate(index: string): Vite.Plugin {
  const { file, find, replace } = MUTATIONS[Number(index)]!;
  const isMutated = (id: string) => id === ROOT + file;
  return {
    name: 'mutate',
    enforce: 'pre',
    transform: (code, id) => (isMutated(id) ? code.replace(find, () => replace) : null),
    // Neither taken from the cache of transformed files, nor put there.
    configureVitest({ defineCacheKeyGenerator }) {
      defineCacheKeyGenerator(({ id }) => (isMutated(id) ? false : null));
    },
  };
}
