import { fileURLToPath } from 'node:url';
import { createEmptyDatabase } from '../support/database.js';
import { blocksOf, Reader } from '../support/guide.js';
import { hasRegistry } from '../support/packed.js';

const GUIDE = fileURLToPath(new URL('../../docs/tutorials/embedding.md', import.meta.url));

it.skipIf(!(await hasRegistry()))(
  'docs/tutorials/embedding.md works with what npm itself installs, from the network',
  async () => {
    const database = await createEmptyDatabase();
    const reader = new Reader(database.url, true);
    try {
      await reader.follow(await blocksOf(GUIDE));

      expect(reader.responses[1]).toMatchObject([{ name: 'Cat #1' }, { name: 'Cat #2' }, { name: null }]);
    } finally {
      await reader.stop();
      await database.drop();
    }
  },
  600_000,
);
