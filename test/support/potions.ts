import type { Anvil } from '@app/testing';
import type { BaseContract } from 'ethers';
import type { AppOptions } from '../../src/app.module.js';
import { startApp, type TestApp, type TestProject } from './start-app.js';

/** An ERC-1155 contract on a chain of its own. */
export interface Potions {
  anvil: Anvil;
  contract: BaseContract;
}

/** Starts the application with the collection of the contract, whose tokens have their documents on its `metadataApi`. */
export async function startWithPotions(
  { anvil, contract }: Potions,
  tokens: readonly string[],
  options: AppOptions,
  otherHosts: readonly { host: string }[],
): Promise<{ test: TestApp; project: TestProject }> {
  const test = await startApp(options, { otherHosts });
  await anvil.send(contract, 'setUri', `${test.metadataApi.url}/potions/{id}`);
  const address = await contract.getAddress();
  const project = await test.aProject({ tokens, contract: { chainId: anvil.chainId, address } });
  return { test, project };
}
