import { Projects } from '@app/project-auth';
import { Collections, TokenStore, URI_RULES, type CollectionSource } from '@app/token-store';
import type { Command } from 'commander';
import { parseWholeNumber } from './option-values.js';
import type { Session } from './session.js';
import { parseTokenIds, readTokenIds } from './token-ids.js';

interface AddOptions {
  project: string;
  address: string;
  chain: number;
  metadataUrl?: string;
  source?: string;
  uriRule?: string;
  tokens?: string;
  tokensFile?: string;
  requestsAtOnce?: number;
}

/** Tokens that one call registers; a file may hold many more. */
const REGISTER_AT_ONCE = 10_000;

export function addCollectionCommands(cli: Command, session: Session): void {
  const collection = cli.command('collection').description('token contracts whose metadata can be refreshed');
  collection
    .command('add')
    .requiredOption('--project <id>')
    .requiredOption('--address <0xADDRESS>')
    .option('--chain <id>', 'chain id', parseWholeNumber, 1)
    .option(
      '--metadata-url <url>',
      "the project's Metadata API, with {id}, {id_hex64} or {address} where they belong; without a place for the id a slash and the id are appended",
    )
    .option('--source <source>', '"chain": the contract is asked for the URI of each token; needs RPC_URLS')
    .option('--uri-rule <rule>', `for --source chain, what is made of its answer: ${URI_RULES.join(', ')}`)
    .option('--tokens <list>', 'tokens to register, such as 1-1000,5000')
    .option('--tokens-file <file>', 'the same, from a file')
    .option(
      '--requests-at-once <n>',
      'how many requests its metadata host takes at once, 1 to 1000; 8 unless set',
      parseWholeNumber,
    )
    .option('--json', 'print one JSON object')
    .action(async (options: AddOptions) => {
      const source = sourceOf(options);
      const tokenIds = await tokensOf(options);
      if (!(await (await session.get(Projects)).findById(options.project))) {
        throw new Error(`Project ${JSON.stringify(options.project)} does not exist: create it with "project create".`);
      }

      const added = await (
        await session.get(Collections)
      ).add({
        chainId: options.chain,
        address: options.address,
        projectId: options.project,
        source,
        requestsAtOnce: options.requestsAtOnce,
      });
      const store = await session.get(TokenStore);
      for (let at = 0; at < tokenIds.length; at += REGISTER_AT_ONCE) {
        await store.registerTokens(added.id, tokenIds.slice(at, at + REGISTER_AT_ONCE));
      }
      session.print({ collection_id: added.id, tokens: tokenIds.length });
    });
}

function sourceOf({ source, metadataUrl, uriRule }: AddOptions): CollectionSource {
  if (source === undefined) {
    if (uriRule !== undefined) throw new Error('--uri-rule is for --source chain: a Metadata API has no token URIs.');
    if (metadataUrl) return { kind: 'metadata_api', url: metadataUrl };
    throw new Error(
      '--metadata-url or --source chain is missing: where does the metadata of this collection come from?',
    );
  }
  if (source !== 'chain') throw new Error(`--source can only be "chain"; it is ${JSON.stringify(source)}.`);
  if (metadataUrl !== undefined) throw new Error('Either --metadata-url or --source chain: not both.');
  if (uriRule !== undefined && !isUriRule(uriRule)) {
    throw new Error(`--uri-rule must be one of ${URI_RULES.join(', ')}; it is ${JSON.stringify(uriRule)}.`);
  }
  return { kind: 'chain', uriRule: uriRule ?? null };
}

function isUriRule(text: string): text is (typeof URI_RULES)[number] {
  return (URI_RULES as readonly string[]).includes(text);
}

async function tokensOf({ tokens, tokensFile }: AddOptions): Promise<string[]> {
  const fromFile = tokensFile ? await readTokenIds(tokensFile) : [];
  return [...new Set([...(tokens ? parseTokenIds(tokens) : []), ...fromFile])];
}
