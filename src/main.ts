import { endWithOldNode } from './node-version.js';

endWithOldNode('npm start');
// Imported only now: all static imports are resolved before any code runs, which fails in an old Node.js.
const { runService } = await import('./run-service.js');
await runService();
