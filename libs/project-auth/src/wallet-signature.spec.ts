import { Wallet } from 'ethers';
import { checkWalletSignature, recoverSigner, type SignatureHeaders } from './wallet-signature.js';

// The first key of every development node: public on purpose.
const wallet = new Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const seconds = 1_700_000_000;
const now = new Date(seconds * 1000);
const good: SignatureHeaders = {
  address: wallet.address,
  timestamp: String(seconds),
  signature: wallet.signMessageSync(String(seconds)),
};
const check = (headers: Partial<SignatureHeaders>) => checkWalletSignature({ ...good, ...headers }, now, 300);
const withV = (v: string) => good.signature!.slice(0, -2) + v;
const sdkV = good.signature!.endsWith('1b') ? '00' : '01';

describe('wallet signatures', () => {
  it('a wallet signature recovers the address of the published test vector', () => {
    const signature =
      '0x31043c2584b8f20d67c4d895f8e385e0d5c0ecb8bfb34e76874da4c27660c13d0cdbdf4bb9fe6473614d400e90a846ee25271f5a102a5c3162e3f84321a2113a00';

    expect(recoverSigner('1609462141000', signature)).toBe('0x95cf5C1b78eD03db3a1d69e722f2E2FA40CDf584');
  });

  it.each([
    ['as a wallet makes it', good.signature],
    ['with v as 00 or 01, as the SDK sends it', withV(sdkV)],
    ['in upper case', `0x${good.signature!.slice(2).toUpperCase()}`],
  ])('a wallet signature is accepted %s', (_, signature) => {
    expect(check({ signature })).toEqual({
      kind: 'signed',
      address: wallet.address.toLowerCase(),
      timestampSeconds: seconds,
    });
  });

  it('a wallet signature is accepted with the address in lower case', () => {
    expect(check({ address: wallet.address.toLowerCase() })).toMatchObject({ kind: 'signed' });
  });

  it.each([
    [-300, 'signed'],
    [300, 'signed'],
    [-301, 'refused'],
    [301, 'refused'],
  ])('a wallet signature made %i seconds from now is %s', (offset, kind) => {
    const timestamp = String(seconds + offset);
    expect(check({ timestamp, signature: wallet.signMessageSync(timestamp) }).kind).toBe(kind);
  });

  it('the error for a wallet signature out of the window says the time of the service', () => {
    const timestamp = String(seconds - 9999);
    expect(check({ timestamp, signature: wallet.signMessageSync(timestamp) })).toMatchObject({
      reason: 'timestamp_out_of_window',
      message: expect.stringContaining(String(seconds)) as string,
    });
  });

  it.each<[string, Partial<SignatureHeaders>]>([
    ['signature_incomplete', { address: undefined }],
    ['signature_incomplete', { timestamp: '' }],
    ['signature_incomplete', { signature: undefined }],
    ['invalid_address', { address: 'wallet' }],
    ['invalid_address', { address: wallet.address.slice(2) }],
    ['invalid_address', { address: `${wallet.address}0` }],
    ['invalid_address', { address: wallet.address.replace(/[a-f]/, (digit) => digit.toUpperCase()) }],
    ['invalid_timestamp', { timestamp: '0x6553f100' }],
    ['invalid_timestamp', { timestamp: '1700000000abc' }],
    ['invalid_timestamp', { timestamp: '1700000000.0' }],
    ['invalid_timestamp', { timestamp: ' 1700000000' }],
    ['invalid_timestamp', { timestamp: '01700000000' }],
    ['invalid_timestamp', { timestamp: '-1700000000' }],
    ['invalid_timestamp', { timestamp: '1700000000000' }],
    ['invalid_signature', { signature: 'signature' }],
    ['invalid_signature', { signature: good.signature!.slice(2) }],
    ['invalid_signature', { signature: good.signature!.slice(0, -2) }],
    ['invalid_signature', { signature: withV('02') }],
    ['invalid_signature', { signature: withV('1d') }],
    ['invalid_signature', { signature: `0x${'0'.repeat(130)}` }],
    ['invalid_signature', { signature: `0x${'f'.repeat(128)}1b` }],
    ['invalid_signature', { signature: wallet.signMessageSync('1700000001') }],
    ['invalid_signature', { address: '0x95cf5C1b78eD03db3a1d69e722f2E2FA40CDf584' }],
  ])('a wallet signature is refused as %s: %j', (reason, headers) => {
    expect(check(headers)).toMatchObject({ kind: 'refused', reason });
  });
});
