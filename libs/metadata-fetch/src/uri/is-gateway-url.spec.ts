import { isGatewayUrl } from './is-gateway-url.js';
import { parseGateways } from './gateways.js';

const CID = 'QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE';
const TX = 't'.repeat(43);
const gateways = parseGateways({
  ipfsGateways: ['https://ipfs.studio.example/gate/ipfs'],
  arweaveGateways: ['https://ar.studio.example'],
});

describe('URLs of gateways (H8)', () => {
  it.each([
    `https://ipfs.studio.example/gate/ipfs/${CID}/1`,
    `https://ipfs.studio.example/gate/ipns/name.example/1`,
    `https://ar.studio.example/${TX}/1`,
    `https://ipfs.io/ipfs/${CID}`,
    `https://arweave.net/${TX}`,
  ])('the URL %s requests content from a gateway', (url) => {
    expect(isGatewayUrl(url, gateways)).toBe(true);
  });

  it.each([
    'https://api.studio.example/cats/1',
    'https://ipfs.studio.example/gate/1',
    'https://ipfs.studio.example.evil.example/gate/ipfs/1',
    'https://ar.studio.example/cats/1',
    'no URL',
  ])('the URL %s does not request content from a gateway', (url) => {
    expect(isGatewayUrl(url, gateways)).toBe(false);
  });
});
