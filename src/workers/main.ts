import nodeModule from 'node:module';
import { loadBundled } from '../load-bundled.js';

nodeModule.enableCompileCache();
await loadBundled('worker', () => import('./run-worker.js'));
