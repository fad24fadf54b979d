import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { configurationReference } from './support/configuration-reference.js';

const PAGE = fileURLToPath(new URL('../docs/reference/configuration.md', import.meta.url));

it('the configuration reference says what the schemas and docstrings say; `npm run reference:configuration` writes it', async () => {
  const page = await format(configurationReference(), { ...(await resolveConfig(PAGE)), parser: 'markdown' });

  await expect(page).toMatchFileSnapshot(PAGE);
}, 60_000);
