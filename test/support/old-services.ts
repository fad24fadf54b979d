import { mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

/** Each by the last migration that it knows, the oldest first. */
export const OLD_SERVICES = ['refreshes', 'project-limits', 'refresh-attempts', 'fairness'] as const;

/** The services of earlier releases, as programs. */
export interface OldServices {
  /** The path of its program. */
  mainOf(service: (typeof OLD_SERVICES)[number]): string;
  remove(): Promise<void>;
}

/** Unpacks them into a folder where they find what this repository has installed. */
export async function unpackOldServices(): Promise<OldServices> {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-old-'));
  const modules = await realpath(fileURLToPath(new URL('../../node_modules', import.meta.url)));
  await symlink(modules, join(folder, 'node_modules'), 'junction');
  for (const service of OLD_SERVICES) {
    const packed = await readFile(new URL(`old-services/${service}.mjs.br`, import.meta.url));
    await writeFile(join(folder, `${service}.mjs`), brotliDecompressSync(packed));
  }
  return {
    mainOf: (service) => join(folder, `${service}.mjs`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
