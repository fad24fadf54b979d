import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { rolldown } from 'rolldown';

// What `npm run build` has made becomes one file; what npm installs stays outside.
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const bundle = await rolldown({
  input: here('../../../dist/src/main.js'),
  platform: 'node',
  external: (id) => !/^[./]/.test(id),
});
const { output } = await bundle.generate({ format: 'esm' });
await writeFile(here(`${process.argv[2]}.mjs.br`), brotliCompressSync(output[0].code));
