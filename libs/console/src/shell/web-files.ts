import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { packageVersion } from '@app/module-options';
import { entityTagOf } from '@app/refresh-api';
import { Injectable } from '@nestjs/common';

/** A file of the console's pages, as it is sent. */
export interface WebFile {
  type: string;
  etag: string;
  /** Whether its name has a hash of its content. */
  isHashed: boolean;
  plain: Buffer;
  gzip: Buffer | null;
  brotli: Buffer | null;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
};

/** Beside the compiled code; and, for code that is not compiled, where the build puts it. */
const FOLDERS = ['../../web/', '../../../../dist/libs/console/web/'];
const SHELL = 'index.html';
const HASHED = /^assets\/.+-[\w-]{8,}\.\w+$/;
/** A smaller file fits one packet anyway. */
const MIN_COMPRESSED_BYTES = 1024;

/** All files take 20 ms at the start of a process. The highest, 11, takes 500 ms, and saves 7 % of their bytes. */
const BROTLI_QUALITY = 5;

/** The files of the console's pages, read and compressed once when the process starts. */
@Injectable()
export class WebFiles {
  /** Differs whenever a file differs. */
  readonly build: string;
  readonly version = packageVersion();
  private readonly files: ReadonlyMap<string, WebFile>;
  private readonly page: string;

  constructor() {
    const folder = findFolder();
    const contents = new Map(
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((path) => [relative(folder, path).split(sep).join('/'), readFileSync(path)] as const)
        .toSorted(([one], [other]) => (one < other ? -1 : 1)),
    );
    const hash = createHash('sha256');
    for (const [name, content] of contents) hash.update(name).update(content);
    this.build = hash.digest('base64url').slice(0, 12);
    this.page = contents.get(SHELL)!.toString().replaceAll('%BUILD%', this.build);
    contents.delete(SHELL);
    this.files = new Map([...contents].map(([name, content]) => [name, toWebFile(name, content)]));
  }

  find(name: string): WebFile | undefined {
    return this.files.get(name);
  }

  /** The page, for a path that is this many folders below the console's own. */
  shell(depth: number): WebFile {
    const base = '../'.repeat(depth) || './';
    return toWebFile(SHELL, Buffer.from(this.page.replace(/<base href="[^"]*"/, `<base href="${base}"`)));
  }
}

function findFolder(): string {
  const folders = FOLDERS.map((folder) => fileURLToPath(new URL(folder, import.meta.url)));
  const found = folders.find((folder) => existsSync(join(folder, SHELL)) && existsSync(join(folder, 'assets')));
  if (found) return found;
  throw new Error(
    `NftRefreshConsoleModule: the files of its pages are not in ${folders[0]}. In a checkout, run \`npm run build\`; if your application is bundled, leave nestjs-nft-refresh/console out of the bundle.`,
  );
}

function toWebFile(name: string, plain: Buffer): WebFile {
  const isCompressed = plain.length >= MIN_COMPRESSED_BYTES && extname(name) !== '.png';
  return {
    type: TYPES[extname(name)] ?? 'application/octet-stream',
    etag: entityTagOf(plain),
    isHashed: HASHED.test(name),
    plain,
    gzip: isCompressed ? gzipSync(plain, { level: 9 }) : null,
    brotli: isCompressed
      ? brotliCompressSync(plain, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
            [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
          },
        })
      : null,
  };
}
