import nodeModule from 'node:module';
import { endWithOldNode } from './node-version.js';

endWithOldNode('npm start');
// Caches compiled code in the system's temporary directory.
nodeModule.enableCompileCache();
// Imported only now: all static imports are resolved before any code runs, which fails in an old Node.js.
const { loadBundled } = await import('./load-bundled.js');
const { runService } = await loadBundled('service', () => import('./run-service.js'));
await runService();
