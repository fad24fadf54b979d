import { expandErc1155Id, hasErc1155Id } from './erc1155-id.js';

/** The largest uint256. */
const MAX_ID = (2n ** 256n - 1n).toString();

describe('the {id} of ERC-1155', () => {
  // 314592 is the example of the standard.
  it.each([
    ['0', '0'.repeat(64)],
    ['314592', '000000000000000000000000000000000000000000000000000000000004cce0'],
    [MAX_ID, 'f'.repeat(64)],
  ])('{id} becomes token id %s in 64 lower-case hex digits without 0x', (tokenId, hex) => {
    expect(expandErc1155Id('https://token-cdn-domain/{id}.json', tokenId)).toBe(`https://token-cdn-domain/${hex}.json`);
  });

  it.each(['{id}', '{ID}', '%7Bid%7D', '%7bid%7d'])('%s is replaced, wherever it stands', (placeholder) => {
    const hex = '0'.repeat(63) + '1';

    expect(hasErc1155Id(`ipfs://cid/${placeholder}`)).toBe(true);
    expect(expandErc1155Id(`ipfs://${placeholder}/${placeholder}?id=${placeholder}`, '1')).toBe(
      `ipfs://${hex}/${hex}?id=${hex}`,
    );
  });

  it.each(['https://api.example/1', '{ id }', '{tokenId}', '{id', '%257Bid%257D'])(
    '%s has no {id} and stays as it is',
    (text) => {
      expect(hasErc1155Id(text)).toBe(false);
      expect(expandErc1155Id(text, '1')).toBe(text);
    },
  );
});
