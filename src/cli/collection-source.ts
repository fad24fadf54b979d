import { PUSH_POLICIES, URI_RULES, type CollectionSource, type PushPolicy } from '@app/token-store';
import { InvalidArgumentError } from 'commander';
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
    .option(
      '--source <source>',
      '"chain" calls the contract for the URI of each token, and needs RPC_URLS; "pushed" fetches nothing: the project sends the metadata',
    )
    .option(
      '--uri-rule <rule>',
      `with --source chain, how to read the result of the contract: ${URI_RULES.join(', ')}`,
    );
}

/** A policy as typed. The default is not null, because commander treats null as a missing value. */
export type PushPolicyOption = PushPolicy | 'default';

export function withPushPolicy(command: Command): Command {
  return command.option(
    '--push-policy <policy>',
    'what a fetch does to pushed metadata: "push_wins" keeps it, "last_wins" replaces it; "default": by the source',
    parsePushPolicy,
  );
}

/** null for the default, undefined if the option is absent. */
export function toPushPolicy(policy: PushPolicyOption | undefined): PushPolicy | null | undefined {
  return policy === 'default' ? null : policy;
}

function parsePushPolicy(text: string): PushPolicyOption {
  const known = [...PUSH_POLICIES, 'default' as const].find((policy) => policy === text);
  if (!known) throw new InvalidArgumentError(`It must be one of ${PUSH_POLICIES.join(', ')}, default.`);
  return known;
}

/** undefined without an option. Throws an Error for options that contradict each other. */
export function sourceOf({ source, metadataUrl, uriRule }: SourceOptions): CollectionSource | undefined {
  if (source === undefined) {
    if (uriRule !== undefined) throw new Error('--uri-rule is for --source chain: a Metadata API has no token URIs.');
    return metadataUrl ? { kind: 'metadata_api', url: metadataUrl } : undefined;
  }
  if (source !== 'chain' && source !== 'pushed') {
    throw new Error(`--source can be "chain" or "pushed"; it is ${JSON.stringify(source)}.`);
  }
  if (metadataUrl !== undefined) throw new Error(`Either --metadata-url or --source ${source}: not both.`);
  if (source === 'pushed') {
    if (uriRule !== undefined) throw new Error('--uri-rule is for --source chain: pushed metadata has no token URIs.');
    return { kind: 'pushed' };
  }
  if (uriRule !== undefined && !isUriRule(uriRule)) {
    throw new Error(`--uri-rule must be one of ${URI_RULES.join(', ')}; it is ${JSON.stringify(uriRule)}.`);
  }
  return { kind: 'chain', uriRule: uriRule ?? null };
}

function isUriRule(text: string): text is (typeof URI_RULES)[number] {
  return (URI_RULES as readonly string[]).includes(text);
}
