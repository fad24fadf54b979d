import { Collections, TokenStore } from '@app/token-store';
import type { ProjectLimits } from '@app/project-auth';
import type { TestApp, TestProject } from './start-app.js';

export const TESTNET = 'imtbl-zkevm-testnet';
export const TESTNET_ID = 13473;
export const MAX_TOKEN_ID = (2n ** 256n - 1n).toString();

/** An item of a push with all seven fields. */
export function anItem(name: string, fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    token_id: '1',
    name,
    description: `About ${name}`,
    image: `https://cdn.example/${encodeURIComponent(name)}.png`,
    external_url: 'https://game.example/1',
    animation_url: null,
    youtube_url: null,
    attributes: [{ trait_type: 'Kind', value: name }],
    ...fields,
  };
}

/** A project whose collection is on the testnet of Immutable zkEVM, and has a Metadata API, too. */
export async function aTestnetProject(
  test: TestApp,
  {
    tokens = ['1', '2', '3', MAX_TOKEN_ID],
    limits = {},
  }: { tokens?: readonly string[]; limits?: Partial<ProjectLimits> } = {},
): Promise<TestProject> {
  return test.aProject({ tokens, limits, chainId: TESTNET_ID });
}

/** Registers one more collection of the project. */
export async function addCollection(
  test: Pick<TestApp, 'app' | 'metadataApi'>,
  { id: projectId }: Pick<TestProject, 'id'>,
  { chainId, address, tokens }: { chainId: number; address: string; tokens: readonly string[] },
) {
  const source = { kind: 'metadata_api', url: `${test.metadataApi.url}/${address}` } as const;
  const collection = await test.app.get(Collections).add({ chainId, address, projectId, source });
  await test.app.get(TokenStore).registerTokens(collection.id, tokens);
  return collection;
}
