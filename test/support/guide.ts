import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { aFreePort, launchHost, runProgram, runTool, type HostProcess } from './host-process.js';
import { anEmptyFolder, installPackage, npmInstall } from './packed.js';

interface Manifest {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
}

/** As the page has it. */
const SHOP_URL = 'http://127.0.0.1:3000';

/**
 * Does what a page says, block by block. Three things are put in for others: the Nest CLI of this repository for `npx`,
 * links for `npm install`, and ports and a database of the test's for those of the page.
 */
export class Reader {
  /** What the requests of the page were answered. */
  readonly responses: unknown[] = [];
  readonly compiled: string[] = [];
  /** Where the page has gone by now, below the root. */
  private folder = '';
  private root = '';
  private metadataPort = '';
  private readonly variables: Record<string, string> = {};
  private readonly running: HostProcess[] = [];
  private shop: HostProcess | undefined;

  constructor(
    private readonly databaseUrl: string,
    /** Whether npm itself installs, from the network. */
    private readonly hasNetwork = false,
  ) {}

  get shopUrl(): string {
    return this.shop?.url ?? '';
  }

  async follow(blocks: readonly Block[]): Promise<void> {
    this.metadataPort = String(await aFreePort());
    const snippets = blocks.filter(({ language, file }) => language === 'ts' && !file);
    for (const { language, file, text } of blocks) {
      if (file) await this.write(file, text);
      if (language !== 'sh') continue;
      for (const line of text.trim().split('\n')) {
        if (line === 'npm run build') await this.collect(snippets);
        await this.type(line);
      }
    }
  }

  /** Snippets have no place in the application: they only have to compile in it. */
  private async collect(snippets: readonly Block[]): Promise<void> {
    for (const { text } of snippets) {
      this.compiled.push(`src/snippet-${this.compiled.length}.ts`);
      await this.write(this.compiled.at(-1)!, text);
    }
  }

  async stop(): Promise<void> {
    for (const host of this.running) await host.stop();
    if (this.root) await rm(this.root, { recursive: true, force: true });
  }

  private async write(file: string, text: string): Promise<void> {
    const path = join(this.folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text.replaceAll(/\b4000\b/g, this.metadataPort));
  }

  private async type(line: string): Promise<void> {
    const words = wordsOf(line, this.variables);
    const command = words.slice(0, 2).join(' ');
    if (command === 'npx @nestjs/cli') return this.generate(words.slice(2));
    if (words[0] === 'cd') return void (this.folder = join(this.folder, words[1]!));
    if (command === 'npm install') return this.install(words.slice(2));
    if (line === 'npm run build') return runTool(this.folder, '@nestjs/cli/bin/nest.js', 'build');
    if (line === 'npm run start:prod &') return this.start();
    if (line === 'node metadata-server.mjs &')
      return void (await this.background('metadata-server.mjs', { PORT: this.metadataPort }));
    if (words[0] === 'curl' && words.includes('--retry-connrefused')) return this.waitForShop(words);
    if (words[0] === 'export') return this.export(line.slice('export '.length));
    if (words[0] === 'curl') return this.request(words.slice(1));
    throw new Error(`The page has a command that this test does not know: ${line}`);
  }

  private async generate(words: readonly string[]): Promise<void> {
    this.root = await anEmptyFolder();
    this.folder = this.root;
    await runTool(this.folder, '@nestjs/cli/bin/nest.js', ...words, '--skip-install', '--skip-git', '--no-observe');
  }

  /** Nothing but what the Nest CLI has put into the application, and what the page tells to install. */
  private async install(names: readonly string[]): Promise<void> {
    if (this.hasNetwork) return npmInstall(this.folder, names);
    const wanted = names.map((name) => name.replace(/(?<=.)@[^/]+$/, ''));
    const manifest = JSON.parse(await readFile(join(this.folder, 'package.json'), 'utf8')) as Manifest;
    const typesAndTools = [
      '@types/node',
      '@types/express',
      'typescript',
      'vitest',
      '@nestjs/schematics',
      '@nestjs/cli',
    ];
    const declared = [...Object.keys(manifest.dependencies), ...wanted.filter((name) => name !== 'nestjs-nft-refresh')];
    const { peerDependencies } = await installPackage(this.folder, [...declared, ...typesAndTools]);
    const forgotten = Object.keys(peerDependencies).filter((name) => !declared.includes(name));
    if (forgotten.length > 0) throw new Error(`The page does not say that ${forgotten.join(', ')} are needed.`);
  }

  private async start(): Promise<void> {
    const manifest = JSON.parse(await readFile(join(this.folder, 'package.json'), 'utf8')) as Manifest;
    const program = /^node (\S+)$/.exec(manifest.scripts['start:prod']!)![1]!;
    this.shop = await this.background(program, this.variables);
  }

  /** The page has to wait by itself: a shell does not. */
  private async waitForShop(words: readonly string[]): Promise<void> {
    if (!words.includes(SHOP_URL))
      throw new Error(`The page waits for something else than its shop: ${words.join(' ')}`);
    await this.shop!.ready();
  }

  private async background(program: string, env: Readonly<Record<string, string>>): Promise<HostProcess> {
    const host = await launchHost(this.folder, program, env);
    this.running.push(host);
    return host;
  }

  private async export(assignment: string): Promise<void> {
    const [, name, value] = /^(\w+)=(.*)$/.exec(assignment)!;
    const program = /^\$\(node (\S+)\)$/.exec(value!)?.[1];
    if (program) this.variables[name!] = await runProgram(this.folder, program, this.variables);
    else this.variables[name!] = name === 'DATABASE_URL' ? this.databaseUrl : value!;
  }

  private async request([url, ...options]: readonly string[]): Promise<void> {
    const headers: [string, string][] = [];
    let body: string | undefined;
    for (let index = 0; index < options.length; index += 2) {
      const value = options[index + 1]!;
      if (options[index] === '-H') headers.push(value.split(': ', 2) as [string, string]);
      else if (options[index] === '-d') body = value;
      else throw new Error(`The page uses an option of curl that this test does not know: ${options[index]}`);
    }
    const asked = url!.replace(SHOP_URL, this.shopUrl);
    const ask = async () =>
      (await fetch(asked, { headers, ...(body !== undefined && { method: 'POST', body }) })).json() as Promise<unknown>;
    // Whoever reads the page types slower than the worker fetches.
    if (body === undefined)
      await vi.waitUntil(async () => JSON.stringify(await ask()).includes('Cat'), { timeout: 20_000 });
    this.responses.push(await ask());
  }
}

/** A fenced block of a page: a file when it has a name, else a snippet. */
interface Block {
  language: string;
  file: string | null;
  text: string;
}

/** The blocks of a Markdown page in order; in front of a file's content stands ```` ```ts src/file.ts ````. */
export async function blocksOf(path: string): Promise<Block[]> {
  const page = await readFile(path, 'utf8');
  return [...page.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)].map(([, language, file, text]) => ({
    language: language!,
    file: file ?? null,
    text: text!,
  }));
}

/** The words of a line of a shell, with variables filled in where the shell would. */
function wordsOf(line: string, variables: Readonly<Record<string, string>>): string[] {
  const fill = (text: string) => text.replaceAll(/\$(\w+)/g, (_, name: string) => variables[name] ?? '');
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, asIs, quoted, bare]) => asIs ?? fill(quoted ?? bare!),
  );
}
