import type { SignIn } from '../../src/wire/index.js';

/** EIP-1193. */
interface Provider {
  request(call: { method: string; params?: readonly unknown[] }): Promise<unknown>;
}

export interface Wallet {
  name: string;
  provider: Provider;
}

declare global {
  interface Window {
    ethereum?: Provider;
  }
}

/** Finds the wallets of the browser, as EIP-6963 announces them; without one, `window.ethereum`. Returns how to stop. */
export function findWallets(onChange: (wallets: readonly Wallet[]) => void): () => void {
  const wallets = new Map<string, Wallet>();
  if (window.ethereum) wallets.set('', { name: 'the wallet of this browser', provider: window.ethereum });
  const onAnnounce = (event: Event) => {
    const { info, provider } = (event as CustomEvent<{ info: { uuid: string; name: string }; provider: Provider }>)
      .detail;
    wallets.delete('');
    wallets.set(info.uuid, { name: info.name.slice(0, 40), provider });
    onChange([...wallets.values()]);
  };
  onChange([...wallets.values()]);
  window.addEventListener('eip6963:announceProvider', onAnnounce);
  window.dispatchEvent(new Event('eip6963:requestProvider'));
  return () => window.removeEventListener('eip6963:announceProvider', onAnnounce);
}

/** Lets the wallet sign the text for its address. */
export async function signWith({ provider }: Wallet, textFor: (address: string) => Promise<string>): Promise<SignIn> {
  const accounts = (await provider.request({ method: 'eth_requestAccounts' })) as string[];
  const address = accounts[0];
  if (address === undefined) throw new Error('The wallet has no account. Open it, and choose one.');
  const text = await textFor(address);
  const bytes = [...new TextEncoder().encode(text)];
  const hex = `0x${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  const signature = (await provider.request({ method: 'personal_sign', params: [hex, address] })) as string;
  return { kind: 'wallet', text, signature };
}
