import { URI_RULES, type CollectionSource } from '@app/token-store';
import type { Command } from 'commander';

export interface SourceOptions {
  metadataUrl?: string;
  source?: string;
  uriRule?: string;
}

export function sourceOptions(command: Command): Command {
  return command
    .option(
      '--metadata-url <url>',
      "URL of the project's Metadata API, with the placeholders {id}, {id_hex64} and {address}; without one for the id, a slash and the id are appended",
    )
    .option('--source <source>', '"chain" calls the contract for the URI of each token; needs RPC_URLS')
    .option(
      '--uri-rule <rule>',
      `with --source chain, how to read the result of the contract: ${URI_RULES.join(', ')}`,
    );
}

/** undefined without an option. Throws an Error for options that contradict each other. */
export function sourceOf({ source, metadataUrl, uriRule }: SourceOptions): CollectionSource | undefined {
  if (source === undefined) {
    if (uriRule !== undefined) throw new Error('--uri-rule is for --source chain: a Metadata API has no token URIs.');
    return metadataUrl ? { kind: 'metadata_api', url: metadataUrl } : undefined;
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
