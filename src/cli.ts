import { statSync } from 'node:fs';
import nodeModule from 'node:module';
import { endWithOldNode } from './node-version.js';

endWithOldNode('npm run cli');
// Caches compiled code in the system's temporary directory.
nodeModule.enableCompileCache();
// Imported only now: all static imports are resolved before any code runs, which fails in an old Node.js.
const { main } = await loadProgram();
await main();

/** The bundle, which loads in a third of the time; the compiled modules themselves if they are newer. */
async function loadProgram(): Promise<typeof import('./cli/main.js')> {
  const bundle = new URL('../cli/main.js', import.meta.url);
  const compiledAt = timeOf(new URL('../tsconfig.build.tsbuildinfo', import.meta.url));
  const bundledAt = timeOf(bundle);
  const isCurrent = bundledAt !== undefined && compiledAt !== undefined && bundledAt >= compiledAt;
  return isCurrent ? import(bundle.href) : import('./cli/main.js');
}

function timeOf(file: URL): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
