import 'reflect-metadata';
import nodeModule from 'node:module';

// Compiled code is kept in the system's temporary folder: a command starts a quarter sooner. Node 20 has no such cache.
(nodeModule as Partial<typeof nodeModule>).enableCompileCache?.();
const { runCommandLine } = await import('./cli/command-line.js');

process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
