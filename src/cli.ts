import nodeModule from 'node:module';
import { endWithOldNode } from './node-version.js';

endWithOldNode('npm run cli');
// Compiled code is kept in the system's temporary folder: a command starts a quarter sooner.
nodeModule.enableCompileCache();
// Imported only now: all static imports are resolved before any code runs, which an old Node.js cannot do.
await import('reflect-metadata');
const [{ processVariables, WrongEnvironment }, { stopSignal }, { runCommandLine }] = await Promise.all([
  import('./config/environment.js'),
  import('./stop-signal.js'),
  import('./cli/command-line.js'),
]);

const stopping = stopSignal();
try {
  process.exitCode = await runCommandLine(process.argv.slice(2), processVariables(), stopping);
} catch (error) {
  if (!(error instanceof WrongEnvironment)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
// A command that was broken off may still have timers and sockets.
if (stopping.aborted) process.exit();
