import { chainEventsOptions } from '@app/chain-events';
import { consoleOptions, type ConsoleOptions } from '@app/console';
import { metadataEventsOptions, type MetadataEventsOptions } from '@app/metadata-events';
import { metadataFetchOptions } from '@app/metadata-fetch';
import { metadataRefreshOptions } from '@app/metadata-refresh';
import { projectAuthOptions } from '@app/project-auth';
import { refreshApiOptions } from '@app/refresh-api';
import { safeHttpOptions } from '@app/safe-http';
import { z } from 'zod';
import type { NftRefreshOptions } from '../../libs/index.js';

/** The options of all modules. */
export interface AllModuleOptions extends Omit<NftRefreshOptions, 'logger'> {
  metadataEvents?: MetadataEventsOptions;
  console?: ConsoleOptions;
}

/** By the name that NftRefreshModule has for them; the last two are modules of their own. */
export const moduleOptions = {
  projectAuth: projectAuthOptions,
  safeHttp: safeHttpOptions,
  metadataFetch: metadataFetchOptions,
  metadataRefresh: metadataRefreshOptions,
  chainEvents: chainEventsOptions,
  refreshApi: refreshApiOptions,
  metadataEvents: metadataEventsOptions,
  console: consoleOptions,
} satisfies Record<keyof AllModuleOptions, unknown>;

export interface OptionVariable {
  group: keyof AllModuleOptions;
  option: string;
}

function sets<Group extends keyof AllModuleOptions>(
  group: Group,
  option: keyof NonNullable<AllModuleOptions[Group]> & string,
): OptionVariable {
  return { group, option };
}

/** The variables that set an option of a module. Type, limits, default and meaning are those of the option. */
export const OPTION_VARIABLES: Readonly<Record<string, OptionVariable>> = {
  FETCH_ALLOWED_HOSTS: sets('safeHttp', 'allowedHosts'),
  FETCH_EXTRA_PORTS: sets('safeHttp', 'extraPorts'),
  FETCH_DEADLINE_MS: sets('safeHttp', 'deadlineMs'),
  FETCH_MAX_BYTES: sets('safeHttp', 'maxBytes'),
  NAME_SERVERS: sets('safeHttp', 'nameServers'),
  USER_AGENT: sets('safeHttp', 'userAgent'),

  RPC_URLS: sets('metadataFetch', 'rpcUrls'),
  RPC_DEADLINE_MS: sets('metadataFetch', 'rpcDeadlineMs'),
  IPFS_GATEWAYS: sets('metadataFetch', 'ipfsGateways'),
  ARWEAVE_GATEWAYS: sets('metadataFetch', 'arweaveGateways'),
  REPLACE_PUBLIC_GATEWAYS: sets('metadataFetch', 'replacePublicGateways'),

  FETCH_CONCURRENCY: sets('metadataRefresh', 'fetchConcurrency'),
  HOST_CONCURRENCY: sets('metadataRefresh', 'hostConcurrency'),
  MAX_ATTEMPTS: sets('metadataRefresh', 'maxAttempts'),
  MAX_RPC_ATTEMPTS: sets('metadataRefresh', 'maxRpcAttempts'),
  RETRY_BASE_SECONDS: sets('metadataRefresh', 'retryBaseSeconds'),
  RETRY_MAX_DELAY_SECONDS: sets('metadataRefresh', 'retryMaxDelaySeconds'),
  TOKENS_PER_HOUR: sets('metadataRefresh', 'tokensPerHour'),
  TOKENS_PER_REQUEST: sets('metadataRefresh', 'tokensPerRequest'),
  TOKENS_PER_SELECTION: sets('metadataRefresh', 'tokensPerSelection'),
  OWNERSHIP: sets('metadataRefresh', 'ownership'),
  MAX_SELECTION_TOKENS: sets('metadataRefresh', 'maxSelectionTokens'),
  REFRESH_RETENTION_DAYS: sets('metadataRefresh', 'refreshRetentionDays'),
  ATTEMPT_RETENTION_DAYS: sets('metadataRefresh', 'attemptRetentionDays'),
  MAX_REVEAL_TOKENS: sets('metadataRefresh', 'maxRevealTokens'),
  KEEP_VERSIONS: sets('metadataRefresh', 'keepVersions'),

  CHAIN_EVENTS: sets('chainEvents', 'enabled'),
  CHAIN_POLL_INTERVAL_MS: sets('chainEvents', 'pollIntervalMs'),
  CHAIN_CONFIRMATIONS: sets('chainEvents', 'confirmations'),
  CHAIN_OVERLAP_BLOCKS: sets('chainEvents', 'overlapBlocks'),
  CHAIN_BLOCKS_PER_CALL: sets('chainEvents', 'blocksPerCall'),
  CHAIN_SETTLE_SECONDS: sets('chainEvents', 'settleSeconds'),
  EVENT_MIN_INTERVAL_SECONDS: sets('chainEvents', 'eventMinIntervalSeconds'),
  EVENT_TOKENS_PER_HOUR: sets('chainEvents', 'eventTokensPerHour'),
  YOUNG_FOR_SECONDS: sets('chainEvents', 'youngForSeconds'),
  DISCOVERED_TOKENS_PER_COLLECTION: sets('chainEvents', 'discoveredTokensPerCollection'),

  CONTRACT_WALLET_CHAIN_ID: sets('projectAuth', 'contractWalletChainId'),
  REQUESTS_PER_SECOND: sets('projectAuth', 'requestsPerSecond'),
  SIGNATURE_WINDOW_SECONDS: sets('projectAuth', 'signatureWindowSeconds'),
  ONE_TIME_SIGNATURES: sets('projectAuth', 'oneTimeSignatures'),

  PROJECT_API_AUTHENTICATION: sets('refreshApi', 'projectApiAuthentication'),
  PARTNER_API_AUTHENTICATION: sets('refreshApi', 'partnerApiAuthentication'),
  PARTNER_TOKENS_PER_REQUEST: sets('refreshApi', 'partnerTokensPerRequest'),
  REGISTERED_TOKENS_PER_REQUEST: sets('refreshApi', 'registeredTokensPerRequest'),
  TOKENS_PER_COLLECTION: sets('refreshApi', 'tokensPerCollection'),
  WEBHOOKS_PER_PROJECT: sets('refreshApi', 'webhooksPerProject'),
  CHAIN_NAMES: sets('refreshApi', 'chainNames'),
  MISSING_KEYS: sets('refreshApi', 'missingKeys'),

  EVENT_RETENTION_DAYS: sets('metadataEvents', 'eventRetentionDays'),
  DELIVERY_RETENTION_DAYS: sets('metadataEvents', 'deliveryRetentionDays'),
  DELIVERY_CONCURRENCY: sets('metadataEvents', 'deliveryConcurrency'),
  WEBHOOK_DEADLINE_MS: sets('metadataEvents', 'webhookDeadlineMs'),
  DISABLE_WEBHOOKS_AFTER_DAYS: sets('metadataEvents', 'disableWebhooksAfterDays'),

  CONSOLE_OPERATOR_SECRET: sets('console', 'operatorSecret'),
  CONSOLE_SESSION_SECRET: sets('console', 'sessionSecret'),
  CONSOLE_SESSION_HOURS: sets('console', 'sessionHours'),
  CONSOLE_PARTNERS: sets('console', 'partners'),
  CONSOLE_MAY_ACT: sets('console', 'mayAct'),
  CONSOLE_IMAGES: sets('console', 'images'),
  CONSOLE_PUBLIC_ORIGINS: sets('console', 'publicOrigins'),
};

/** The schema of the option that a variable sets. */
export function schemaOf({ group, option }: OptionVariable): z.ZodType {
  return (moduleOptions[group].schema.shape as Record<string, z.ZodType>)[option]!;
}
