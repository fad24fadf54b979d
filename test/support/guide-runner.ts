import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Anvil } from '@app/testing';
import { findFreePort, launchHost, runProgram, runTool, type HostProcess } from './host-process.js';
import { createHostFolder, installPackage, linkPackages, npmInstall } from './npm-pack.js';

interface Manifest {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
}

/** What Vitest writes about its suites. */
interface TestReport {
  testResults: { name: string; assertionResults: { status: string }[] }[];
}

/** The URL in the page. */
const SHOP_URL = 'http://127.0.0.1:3000';

/**
 * Executes the code blocks of a guide. It replaces four things: `npx` with the Nest CLI of this repository, `npm install` with
 * symbolic links, Vitest's plugin for aliases with none, and the ports and database URL of the page with those of the test.
 */
export class GuideRunner {
  /** The responses to the requests of the page. */
  readonly responses: unknown[] = [];
  readonly compiled: string[] = [];
  /** The suites of the page that have passed, with the number of their tests. */
  tested: string[] = [];
  /** The current working directory of the page. */
  private folder = '';
  private root = '';
  private metadataPort = '';
  private chainPort = '';
  private chain: Anvil | undefined;
  private isInstalled = false;
  private readonly variables: Record<string, string> = {};
  private readonly running: HostProcess[] = [];
  private shop: HostProcess | undefined;

  constructor(
    private readonly databaseUrl: string,
    /** Whether to run the real `npm install`, from the network. */
    private readonly hasNetwork = false,
  ) {}

  get shopUrl(): string {
    return this.shop?.url ?? '';
  }

  async run(blocks: readonly Block[]): Promise<void> {
    this.metadataPort = String(await findFreePort());
    this.chainPort = String(await findFreePort());
    const snippets = blocks.filter(({ language, file }) => language === 'ts' && !file);
    for (const { language, file, text } of blocks) {
      if (file) await this.write(file, text);
      if (language !== 'sh') continue;
      for (const line of text.trim().split('\n')) {
        if (line === 'npm run build' && this.compiled.length === 0) await this.writeSnippets(snippets);
        await this.execute(line);
      }
    }
  }

  /** Snippets without a file name only have to compile in the application. */
  private async writeSnippets(snippets: readonly Block[]): Promise<void> {
    for (const { text } of snippets) {
      this.compiled.push(`src/snippet-${this.compiled.length}.ts`);
      await this.write(this.compiled.at(-1)!, text);
    }
  }

  async stop(): Promise<void> {
    for (const host of this.running) await host.stop();
    await this.chain?.stop();
    if (this.root) await rm(this.root, { recursive: true, force: true });
  }

  private async write(file: string, text: string): Promise<void> {
    const path = join(this.folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, this.withPorts(text));
  }

  private withPorts(text: string): string {
    return text.replaceAll(/\b4000\b/g, this.metadataPort).replaceAll(/\b8545\b/g, this.chainPort);
  }

  private async execute(line: string): Promise<void> {
    const words = wordsOf(line, this.variables);
    const command = words.slice(0, 2).join(' ');
    if (command === 'npx @nestjs/cli') return this.generate(words.slice(2));
    if (words[0] === 'cd') return void (this.folder = join(this.folder, words[1]!));
    if (command === 'npm install') return this.install(words.slice(2).filter((word) => !word.startsWith('--')));
    if (line === 'npx anvil --port 8545 &') {
      this.chain = await Anvil.start(31_337, Number(this.chainPort));
      return;
    }
    if (line === 'npm run test:e2e') return this.test();
    if (line === 'npm run build') return runTool(this.folder, '@nestjs/cli/bin/nest.js', 'build');
    if (line === 'npm run start:prod &') return this.start();
    if (line === 'node metadata-server.mjs &')
      return void (await this.background('metadata-server.mjs', { PORT: this.metadataPort }));
    if (words[0] === 'curl' && words.includes('--retry-connrefused')) return this.waitForShop(words);
    if (words[0] === 'export') return this.export(line.slice('export '.length));
    if (words[0] === 'curl') return this.request(words.slice(1));
    if (words[0] === 'node') return void (await runProgram(this.folder, words[1]!, this.variables, words.slice(2)));
    throw new Error(`Unsupported command in the page: ${line}`);
  }

  private async generate(words: readonly string[]): Promise<void> {
    this.root = await createHostFolder();
    this.folder = this.root;
    await runTool(this.folder, '@nestjs/cli/bin/nest.js', ...words, '--skip-install', '--skip-git', '--no-observe');
  }

  /** Links only the dependencies of the generated application and those that the page installs. */
  private async install(names: readonly string[]): Promise<void> {
    if (this.hasNetwork) return npmInstall(this.folder, names);
    if (this.isInstalled) return linkPackages(this.folder, names);
    this.isInstalled = true;
    const wanted = names.map((name) => name.replace(/(?<=.)@[^/]+$/, ''));
    const manifest = JSON.parse(await readFile(join(this.folder, 'package.json'), 'utf8')) as Manifest;
    const typesAndTools = [
      '@types/node',
      '@types/express',
      'typescript',
      'vitest',
      '@nestjs/schematics',
      '@nestjs/cli',
      '@nestjs/testing',
      '@types/supertest',
      'supertest',
    ];
    const declared = [...Object.keys(manifest.dependencies), ...wanted.filter((name) => name !== 'nestjs-nft-refresh')];
    const { peerDependencies, peerDependenciesMeta } = await installPackage(this.folder, [
      ...declared,
      ...typesAndTools,
    ]);
    const needed = Object.keys(peerDependencies).filter((name) => !(name in peerDependenciesMeta));
    const missing = needed.filter((name) => !declared.includes(name));
    if (missing.length > 0) throw new Error(`The page does not install the peer dependencies ${missing.join(', ')}.`);
  }

  /** With the generated configuration, except a plugin for aliases that is not installed here. */
  private async test(): Promise<void> {
    const config = join(this.folder, 'vitest.config.e2e.ts');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replaceAll(/^.*tsconfigPaths.*\n/gm, ''));
    const results = join(this.folder, 'test-results.json');
    const report = ['--reporter=default', '--reporter=json', `--outputFile=${results}`];
    await runTool(this.folder, 'vitest/vitest.mjs', 'run', '--config', config, ...report, 'metadata-refresh');
    const { testResults } = JSON.parse(await readFile(results, 'utf8')) as TestReport;
    this.tested = testResults
      .map(({ name, assertionResults }) => {
        const passed = assertionResults.filter(({ status }) => status === 'passed');
        return `${basename(name)}: ${passed.length} passed`;
      })
      .sort();
  }

  private async start(): Promise<void> {
    const manifest = JSON.parse(await readFile(join(this.folder, 'package.json'), 'utf8')) as Manifest;
    const program = /^node (\S+)$/.exec(manifest.scripts['start:prod']!)![1]!;
    await this.shop?.stop();
    this.shop = await this.background(program, this.variables);
  }

  /** The page must wait for the background process, as in a shell. */
  private async waitForShop(words: readonly string[]): Promise<void> {
    if (!words.includes(SHOP_URL)) throw new Error(`The page does not wait for its shop: ${words.join(' ')}`);
    await this.shop!.ready();
  }

  private async background(program: string, env: Readonly<Record<string, string>>): Promise<HostProcess> {
    const host = await launchHost(this.folder, program, env);
    this.running.push(host);
    return host;
  }

  private async export(assignment: string): Promise<void> {
    const [, name, value] = /^(\w+)=(.*)$/.exec(assignment)!;
    const [program, ...args] = /^\$\(node (.+)\)$/.exec(value!)?.[1]?.split(' ') ?? [];
    if (program) this.variables[name!] = await runProgram(this.folder, program, this.variables, args);
    else this.variables[name!] = name === 'DATABASE_URL' ? this.databaseUrl : this.withPorts(value!);
  }

  private async request([url, ...options]: readonly string[]): Promise<void> {
    const headers: [string, string][] = [];
    let body: string | undefined;
    for (let index = 0; index < options.length; index += 2) {
      const value = options[index + 1]!;
      if (options[index] === '-H') headers.push(value.split(': ', 2) as [string, string]);
      else if (options[index] === '-d') body = value;
      else throw new Error(`Unsupported curl option in the page: ${options[index]}`);
    }
    const target = url!.replace(SHOP_URL, this.shopUrl);
    const send = async () =>
      (
        await fetch(target, { headers, ...(body !== undefined && { method: 'POST', body }) })
      ).json() as Promise<unknown>;
    // A reader types more slowly than the worker fetches.
    if (body === undefined)
      await vi.waitUntil(async () => JSON.stringify(await send()).includes('Cat'), { timeout: 20_000 });
    this.responses.push(await send());
  }
}

/** A fenced code block: a file if it has a name, otherwise a snippet. */
export interface Block {
  language: string;
  file: string | null;
  text: string;
}

/** The code blocks of a Markdown page. A block that starts with ```` ```ts src/file.ts ```` is a file. */
export async function readCodeBlocks(path: string): Promise<Block[]> {
  const page = await readFile(path, 'utf8');
  return [...page.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)].map(([, language, file, text]) => ({
    language: language!,
    file: file ?? null,
    text: text!,
  }));
}

/** Splits a shell command into words and expands variables outside single quotes. */
function wordsOf(line: string, variables: Readonly<Record<string, string>>): string[] {
  const fill = (text: string) => text.replaceAll(/\$(\w+)/g, (_, name: string) => variables[name] ?? '');
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, literal, quoted, bare]) => literal ?? fill(quoted ?? bare!),
  );
}
