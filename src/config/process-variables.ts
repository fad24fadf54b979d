import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';

/** By name. An empty one counts as absent. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** There is an `.env` in the working directory, and it cannot be read. */
export class UnreadableEnvFile extends Error {
  override readonly name = 'UnreadableEnvFile';
}

/**
 * The variables of this process, with those that `.env` in the working directory adds to them. Throws UnreadableEnvFile;
 * process.loadEnvFile() ignores a file without read permission.
 */
export function processVariables(): Variables {
  for (const [name, value] of Object.entries(parseEnv(readEnvFile()))) process.env[name] ??= value;
  return process.env;
}

function readEnvFile(): string {
  try {
    return readFileSync('.env', 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    const problem = code === 'EISDIR' ? 'is a folder and must be a file' : `cannot be read (${code})`;
    throw new UnreadableEnvFile(`${resolve('.env')} ${problem}. Move it, or start in another working directory.`, {
      cause: error,
    });
  }
}
