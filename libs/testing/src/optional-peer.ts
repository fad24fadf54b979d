import { createRequire } from 'node:module';

const { resolve } = createRequire(import.meta.url);

/**
 * The path of a file of an optional peer dependency: the entry of the package, unless another one is named. Throws an Error that says
 * what to install.
 */
export function peerNeededBy(user: string, name: string, file = name): string {
  try {
    return resolve(file);
  } catch (cause) {
    throw new Error(`${user} needs the package ${name}: npm install --save-dev ${name}`, { cause });
  }
}
