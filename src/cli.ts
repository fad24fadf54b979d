import 'reflect-metadata';
import nodeModule from 'node:module';
import { processVariables } from './config/process-variables.js';
import { stopSignal } from './stop-signal.js';

// Caches compiled code in the system's temporary directory: a command starts 25 % faster. Node 20 has no such cache.
(nodeModule as Partial<typeof nodeModule>).enableCompileCache?.();
const { runCommandLine } = await import('./cli/command-line.js');

const stopping = stopSignal();
process.exitCode = await runCommandLine(process.argv.slice(2), processVariables(), stopping);
// An abandoned command may still have timers and sockets.
if (stopping.aborted) process.exit();
