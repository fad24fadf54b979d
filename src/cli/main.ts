import 'reflect-metadata';
import { processVariables, UnreadableEnvFile } from '../config/process-variables.js';
import { stopSignal } from '../stop-signal.js';
import { runCommandLine } from './command-line.js';

/** Runs the command that the arguments of the process name, and sets the exit status. */
export async function main(): Promise<void> {
  const stopping = stopSignal();
  process.stdout.on('error', ignoreClosedPipe);
  try {
    process.exitCode = await runCommandLine(process.argv.slice(2), processVariables(), stopping);
  } catch (error) {
    if (!(error instanceof UnreadableEnvFile)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = 1;
  }
  // An abandoned command may still have timers and sockets.
  if (stopping.aborted) process.exit();
}

/** A reader of the output that has seen enough, such as `head`, is no error. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
