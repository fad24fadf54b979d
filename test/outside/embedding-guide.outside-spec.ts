import { fileURLToPath } from 'node:url';
import { createEmptyDatabase } from '../support/database.js';
import { readCodeBlocks, GuideRunner } from '../support/guide-runner.js';
import { isRegistryReachable } from '../support/npm-pack.js';

const GUIDE = fileURLToPath(new URL('../../docs/tutorials/embedding.md', import.meta.url));

it.skipIf(!(await isRegistryReachable()))(
  'docs/tutorials/embedding.md works with the packages that npm installs from the registry',
  async () => {
    const database = await createEmptyDatabase();
    const reader = new GuideRunner(database.url, true);
    try {
      await reader.run(await readCodeBlocks(GUIDE));

      expect(reader.responses[1]).toMatchObject([{ name: 'Cat #1' }, { name: 'Cat #2' }, { name: null }]);
    } finally {
      await reader.stop();
      await database.drop();
    }
  },
  600_000,
);
