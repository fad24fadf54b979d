/** By name. An empty one counts as absent. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The variables of this process, with those that `.env` in the working directory adds to them. */
export function processVariables(): Variables {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return process.env;
}
