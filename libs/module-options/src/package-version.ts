import { readFileSync } from 'node:fs';

const NAME = 'nestjs-nft-refresh';
/** From the deepest compiled file to the root of the package. */
const MAX_DEPTH = 6;

/** The version of this package; `unknown` if an application is bundled without its `package.json`. */
export function packageVersion(): string {
  for (let depth = 1; depth <= MAX_DEPTH; depth += 1) {
    const found = read(new URL(`${'../'.repeat(depth)}package.json`, import.meta.url));
    if (found?.name === NAME) return found.version ?? 'unknown';
  }
  return 'unknown';
}

function read(file: URL): { name?: string; version?: string } | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
  } catch {
    return null;
  }
}
