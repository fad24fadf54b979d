import { ipfsCandidates, parseGateways, publicIpfsUrl } from './gateways.js';
import type { IpfsReference } from '@app/metadata-uri';

const cid = `Qm${'a'.repeat(44)}`;
const picture: IpfsReference = { namespace: 'ipfs', root: cid, path: `${cid}/1.png`, query: '' };
const candidatesOf = (...ipfsGateways: string[]) => ipfsCandidates(parseGateways({ ipfsGateways }), picture);

describe('lists of gateways', () => {
  it.each(['https://gw.example', 'https://gw.example/', 'https://gw.example/ipfs', 'https://gw.example/ipfs/'])(
    'a list of gateways accepts %s, with or without a trailing slash and namespace [A46]',
    (gateway) => {
      expect(candidatesOf(gateway)).toEqual([
        { url: `https://gw.example/ipfs/${cid}/1.png`, publicUrl: `https://gw.example/ipfs/${cid}/1.png` },
      ]);
    },
  );

  it('a gateway keeps its path and its port', () => {
    expect(candidatesOf('http://127.0.0.1:8080/store')[0].url).toBe(`http://127.0.0.1:8080/store/ipfs/${cid}/1.png`);
  });

  it('gateways are requested in the given order [A44]', () => {
    expect(candidatesOf('https://one.example', 'https://two.example').map(({ url }) => new URL(url).host)).toEqual([
      'one.example',
      'two.example',
    ]);
  });

  it("the key in a gateway's query is sent only to this gateway and never shown [A45]", () => {
    const [first, second] = candidatesOf('https://one.example/?key=s3cret', 'https://two.example');

    expect(first.url).toBe(`https://one.example/ipfs/${cid}/1.png?key=s3cret`);
    expect(first.publicUrl).toBe(`https://one.example/ipfs/${cid}/1.png`);
    expect(JSON.stringify(second)).not.toContain('s3cret');
  });

  it('the key of a gateway is appended to the query of the URI', () => {
    const reference: IpfsReference = { namespace: 'ipfs', root: cid, path: `${cid}/1`, query: '?v=2' };

    expect(ipfsCandidates(parseGateways({ ipfsGateways: ['https://one.example?key=k'] }), reference)[0]).toEqual({
      url: `https://one.example/ipfs/${cid}/1?v=2&key=k`,
      publicUrl: `https://one.example/ipfs/${cid}/1?v=2`,
    });
  });

  it('user info of a gateway becomes basic authorization [A45]', () => {
    const [first] = candidatesOf('https://user:p%40ss@one.example');

    expect(first.headers).toEqual({ authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}` });
    expect(first.url).not.toContain('p%40ss');
  });

  it('the part after # of a gateway becomes headers [A45]', () => {
    const [first] = candidatesOf('https://one.example/#X-Gateway-Token=a%20b&x-other=1=2');

    expect(first.headers).toEqual({ 'x-gateway-token': 'a b', 'x-other': '1=2' });
    expect(first.url).toBe(`https://one.example/ipfs/${cid}/1.png`);
  });

  it('images are shown through a gateway without a key [A45]', () => {
    const gateways = parseGateways({ ipfsGateways: ['https://one.example?key=k', 'https://two.example'] });

    expect(publicIpfsUrl(gateways, picture)).toBe(`https://two.example/ipfs/${cid}/1.png`);
  });

  it('images are shown through a public gateway if all configured gateways need a key [A45]', () => {
    const gateways = parseGateways({ ipfsGateways: ['https://user:pass@one.example'] });

    expect(publicIpfsUrl(gateways, picture)).toBe(`https://ipfs.io/ipfs/${cid}/1.png`);
  });

  it('the default gateways are public', () => {
    expect(candidatesOf().length).toBeGreaterThan(1);
    expect(parseGateways({}).arweave).toHaveLength(1);
  });

  it.each(['not a url', 'ftp://gw.example', 'https://gw.example/#novalue'])(
    'a list of gateways with %s is rejected at start',
    (gateway) => {
      expect(() => parseGateways({ ipfsGateways: [gateway] })).toThrow(TypeError);
    },
  );

  it('the error for a wrong gateway does not repeat a secret', () => {
    expect(() => parseGateways({ ipfsGateways: ['ftp://user:s3cret@gw.example'] })).toThrow(/^(?!.*s3cret)/);
  });
});
