/** As `engines` in package.json. */
const OLDEST_MAJOR = 22;
const OLDEST_MINOR = 19;

/** Ends the process with status 1 and one line when its Node.js is too old. `script` is an npm script that runs with the right one. */
export function endWithOldNode(script: string): void {
  const problem = explainOldNode(process.versions.node, script);
  if (problem === null) return;
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}

/** Null: the version, such as "22.19.0", is new enough. */
export function explainOldNode(version: string, script: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST_MAJOR || (major === OLDEST_MAJOR && minor >= OLDEST_MINOR)) return null;
  return `This is Node.js ${version}, and the service needs Node.js ${OLDEST_MAJOR}.${OLDEST_MINOR} or newer. In a checkout, "${script}" brings its own.`;
}
