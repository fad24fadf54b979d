import nodeModule from 'node:module';
import { endWithOldNode } from './node-version.js';

endWithOldNode('npm run cli');
// Caches compiled code in the system's temporary directory.
nodeModule.enableCompileCache();
// Imported only now: all static imports are resolved before any code runs, which fails in an old Node.js.
const { loadBundled } = await import('./load-bundled.js');
const { main } = await loadBundled('cli', () => import('./cli/main.js'));
await main();
