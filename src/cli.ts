import 'reflect-metadata';
import { runCommandLine } from './cli/command-line.js';
import { processVariables } from './config/environment.js';

process.exitCode = await runCommandLine(process.argv.slice(2), processVariables());
