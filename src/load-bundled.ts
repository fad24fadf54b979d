import { statSync } from 'node:fs';

/**
 * Loads a program of this service from its bundle (`bundle.mjs`), which takes a third of the time. Loads the compiled modules
 * themselves if they are newer, for example while `npm run dev` runs.
 */
export async function loadBundled<Program>(
  name: 'cli' | 'service' | 'worker',
  load: () => Promise<Program>,
): Promise<Program> {
  const bundle = new URL(`../bundle/${name}.js`, import.meta.url);
  const compiledAt = timeOf(new URL('../tsconfig.build.tsbuildinfo', import.meta.url));
  const bundledAt = timeOf(bundle);
  const isCurrent = bundledAt !== undefined && compiledAt !== undefined && bundledAt >= compiledAt;
  return isCurrent ? ((await import(bundle.href)) as Program) : load();
}

function timeOf(file: URL): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
