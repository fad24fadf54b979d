import 'reflect-metadata';
import { runCommandLine } from './cli/command-line.js';
import { processVariables } from './config/environment.js';
import { stopSignal } from './stop-signal.js';

const stopping = stopSignal();
process.exitCode = await runCommandLine(process.argv.slice(2), processVariables(), stopping);
// A command that was broken off may still have timers and sockets.
if (stopping.aborted) process.exit();
