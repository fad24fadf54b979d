import { endWithOldNode } from './node-version.js';

endWithOldNode('npm start');
// Imported only now: all static imports are resolved before any code runs, which an old Node.js cannot do.
const { runService } = await import('./run-service.js');
await runService();
