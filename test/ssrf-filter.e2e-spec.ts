import { lookup } from 'node:dns';
import { createServer, type Server } from 'node:http';
import { isIP, type AddressInfo, type LookupFunction } from 'node:net';
import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { MetadataHost } from '@app/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { fetchModules, type FetchOptions } from './support/fetch-modules.js';

/** Where a stranger's host sends us. It listens on loopback, of IPv4 and IPv6, and counts who connects. */
class Canary {
  dials = 0;

  private constructor(private readonly server: Server) {
    server.on('connection', () => (this.dials += 1));
    server.on('request', (_, response) => response.end('{"name":"a secret of this machine"}'));
  }

  static async start(): Promise<Canary> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, done));
    return new Canary(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    // Only now: a connection that is opened later would keep the server open for a minute.
    this.server.closeAllConnections();
    await closed;
  }
}

/** What the resolver answers to one question after the other; the last answer repeats. */
const NAMES: Record<string, string[][]> = {
  'loopback.example': [['127.0.0.1']],
  'loopback6.example': [['::1']],
  'mapped.example': [['::ffff:127.0.0.1']],
  'unspecified.example': [['0.0.0.0']],
  'unspecified6.example': [['::']],
  'private.example': [['10.0.0.1']],
  'unique-local.example': [['fd00::1']],
  'link-local.example': [['169.254.169.254']],
  'mixed.example': [['8.8.8.8', '127.0.0.1']],
  'mixed-first.example': [['127.0.0.1', '8.8.8.8']],
  'mixed6.example': [['2606:4700:4700::1111', '::1']],
  '127.0.0.1.nip.io': [['127.0.0.1']],
  '127.0.0.1..': [['127.0.0.1']],
  'localtest.me': [['127.0.0.1']],
  'ip6-localhost': [['::1']],
  'localhost.localdomain': [['127.0.0.1']],
  'instance-data': [['169.254.169.254']],
  'metadata.tencentyun.com': [['169.254.0.23']],
  'xn--mnchen-3ya.example': [['127.0.0.1']],
  'empty.example': [[]],
};

let host: MetadataHost;
let canary: Canary;
let queries: string[];
const modules: TestingModule[] = [];
beforeAll(async () => {
  host = await MetadataHost.start();
});
beforeEach(async () => {
  canary = await Canary.start();
  queries = [];
});
afterEach(async () => {
  await canary.close();
});
afterAll(async () => {
  for (const module of modules) await module.close();
  await host.close();
});

function resolver(names: Record<string, string[][]> = NAMES): LookupFunction {
  const left = structuredClone(names);
  return (name, _, done) => {
    queries.push(name);
    const responses = left[name];
    if (!responses) return done(Object.assign(new Error(`ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);
    const [response = []] = responses.length > 1 ? responses.splice(0, 1) : responses;
    done(
      null,
      response.map((address) => ({ address, family: isIP(address) })),
    );
  };
}

/** The canary's port is open for public hosts, so that nothing but its address protects it. */
async function fetcher(options: Pick<FetchOptions, 'allowedHosts' | 'lookup'> = {}): Promise<MetadataFetcher> {
  const imports = [
    ...fetchModules({
      extraPorts: [canary.port],
      deadlineMs: 2000,
      lookup: resolver(),
      ...options,
      allowedHosts: [host.host, ...(options.allowedHosts ?? [])],
    }),
  ];
  const module = await Test.createTestingModule({ imports }).compile();
  modules.push(module);
  return module.get(MetadataFetcher);
}

async function fetchUri(uri: string, from?: MetadataFetcher): Promise<FetchOutcome> {
  return (from ?? (await fetcher())).fetch({ source: { kind: 'token_uri', uri }, tokenId: '1' });
}

/** As bytes on the wire: a header holds no letter beyond U+00FF, and most servers send UTF-8. */
function redirectTo(location: string, status = 302): string {
  host.respond('1', status, '', { location: Buffer.from(location, 'utf8').toString('latin1') });
  return `${host.url}/collection/1`;
}

const reasonOf = (outcome: FetchOutcome) => (outcome.kind === 'unreachable' ? outcome.reason : outcome.kind);

/** PORT is the canary's. */
const VECTORS: [what: string, uri: string, reason: string][] = [
  ['loopback [E1]', 'http://127.0.0.1:PORT/1', 'blocked_address'],
  ['loopback on the usual port', 'http://127.0.0.1/1', 'blocked_address'],
  ['loopback over https', 'https://127.0.0.1:PORT/1', 'blocked_address'],
  ['another address of loopback', 'http://127.255.255.254:PORT/1', 'blocked_address'],
  ['loopback as one number [E10]', 'http://2130706433:PORT/1', 'blocked_address'],
  ['loopback as one octal number [E10]', 'http://017700000001:PORT/1', 'blocked_address'],
  ['loopback as one hexadecimal number', 'http://0x7f000001:PORT/1', 'blocked_address'],
  ['loopback, short', 'http://127.1:PORT/1', 'blocked_address'],
  ['loopback, hexadecimal and short [E10]', 'http://0x7f.1:PORT/1', 'blocked_address'],
  ['loopback with zeros', 'http://127.000.000.001:PORT/1', 'blocked_address'],
  ['loopback with a dot at the end', 'http://127.0.0.1.:PORT/1', 'blocked_address'],
  ['loopback, percent-encoded', 'http://%31%32%37.0.0.1:PORT/1', 'blocked_address'],
  ['loopback in full-width digits', 'http://１２７。０。０。１:PORT/1', 'blocked_address'],
  ['loopback in digits in circles', 'http://①②⑦.⓪.⓪.①:PORT/1', 'blocked_address'],
  ['loopback with a soft hyphen', 'http://127.0.0\u00ad.1:PORT/1', 'blocked_address'],
  ['loopback with backslashes', 'http:\\\\127.0.0.1:PORT\\1', 'blocked_address'],
  ['loopback before what looks like a host', 'http://127.0.0.1:PORT\\@host.example/1', 'blocked_address'],
  ['loopback with a tab', 'http://127.0\t.0.1:PORT/1', 'blocked_address'],
  ['0.0.0.0 [E3]', 'http://0.0.0.0:PORT/1', 'blocked_address'],
  ['0', 'http://0:PORT/1', 'blocked_address'],
  ['loopback of IPv6 [E2]', 'http://[::1]:PORT/1', 'blocked_address'],
  ['loopback of IPv6, in full', 'http://[0:0:0:0:0:0:0:1]:PORT/1', 'blocked_address'],
  ['unspecified of IPv6', 'http://[::]:PORT/1', 'blocked_address'],
  ['loopback, mapped [E5]', 'http://[::ffff:127.0.0.1]:PORT/1', 'blocked_address'],
  ['loopback, mapped, in hexadecimal [E5]', 'http://[::ffff:7f00:1]:PORT/1', 'blocked_address'],
  ['loopback, compatible [E5]', 'http://[::127.0.0.1]:PORT/1', 'blocked_address'],
  ['loopback behind NAT64 [E5]', 'http://[64:ff9b::7f00:1]:PORT/1', 'blocked_address'],
  ['loopback by 6to4', 'http://[2002:7f00:1::]:PORT/1', 'blocked_address'],
  ['loopback by ISATAP', 'http://[2607:f8b0::5efe:127.0.0.1]:PORT/1', 'blocked_address'],
  ['a private address [E3]', 'http://10.0.0.1:PORT/1', 'blocked_address'],
  ['carrier-grade NAT [E3]', 'http://100.64.0.1:PORT/1', 'blocked_address'],
  ['cloud metadata [E4]', 'http://169.254.169.254/latest/meta-data/', 'blocked_address'],
  ['cloud metadata of Alibaba', 'http://100.100.100.200/latest/meta-data/', 'blocked_address'],
  ['cloud metadata of Azure', 'http://168.63.129.16/machine?comp=goalstate', 'blocked_address'],
  ['cloud metadata of AWS over IPv6 [E5]', 'http://[fd00:ec2::254]/latest/meta-data/', 'blocked_address'],
  ['multicast [E3]', 'http://224.0.0.1:PORT/1', 'blocked_address'],
  ['broadcast [E3]', 'http://255.255.255.255:PORT/1', 'blocked_address'],
  ['link-local of IPv6 [E5]', 'http://[fe80::1]:PORT/1', 'blocked_address'],
  ['localhost [E1]', 'http://localhost:PORT/1', 'blocked_address'],
  ['localhost with a dot at the end', 'http://localhost.:PORT/1', 'blocked_address'],
  ['a subdomain of localhost', 'http://a.localhost:PORT/1', 'blocked_address'],
  ['a name of multicast DNS', 'http://printer.local:PORT/1', 'blocked_address'],
  ['cloud metadata of GCP by name', 'http://metadata.google.internal/computeMetadata/v1/', 'blocked_address'],
  ['a name that is loopback [E7]', 'http://loopback.example:PORT/1', 'blocked_address'],
  ['a name that is loopback, over https', 'https://loopback.example:PORT/1', 'blocked_address'],
  ['a name that is loopback, in upper case', 'http://LOOPBACK.example:PORT/1', 'blocked_address'],
  ['a name that is loopback, in full width', 'http://ｌｏｏｐｂａｃｋ.example:PORT/1', 'blocked_address'],
  ['a name beyond ASCII that is loopback', 'http://münchen.example:PORT/1', 'blocked_address'],
  ['a name that is loopback of IPv6', 'http://loopback6.example:PORT/1', 'blocked_address'],
  ['a name that is a mapped address', 'http://mapped.example:PORT/1', 'blocked_address'],
  ['a name that is 0.0.0.0', 'http://unspecified.example:PORT/1', 'blocked_address'],
  ['a name that is ::', 'http://unspecified6.example:PORT/1', 'blocked_address'],
  ['a name that is private', 'http://private.example:PORT/1', 'blocked_address'],
  ['a name that is unique local', 'http://unique-local.example:PORT/1', 'blocked_address'],
  ['a name that is link-local', 'http://link-local.example/latest/meta-data/', 'blocked_address'],
  ['a name that is public and loopback [E8]', 'http://mixed.example:PORT/1', 'blocked_address'],
  ['a name that is loopback and public [E8]', 'http://mixed-first.example:PORT/1', 'blocked_address'],
  ['a name that is public and loopback of IPv6 [E8]', 'http://mixed6.example:PORT/1', 'blocked_address'],
  ['a name that says its address [E7]', 'http://127.0.0.1.nip.io:PORT/1', 'blocked_address'],
  ['a name that is nearly an address', 'http://127.0.0.1..:PORT/1', 'blocked_address'],
  ['a public name of loopback', 'http://localtest.me:PORT/1', 'blocked_address'],
  ['the name of loopback in a hosts file', 'http://ip6-localhost:PORT/1', 'blocked_address'],
  ['the old name of loopback', 'http://localhost.localdomain:PORT/1', 'blocked_address'],
  ['cloud metadata of AWS by name', 'http://instance-data/latest/meta-data/', 'blocked_address'],
  ['cloud metadata of Tencent by name', 'http://metadata.tencentyun.com/latest/meta-data/', 'blocked_address'],
  ['a name without addresses', 'http://empty.example:PORT/1', 'dns'],
  ['a name that is unknown', 'http://unknown.example:PORT/1', 'dns'],
  ['a port that is not open [E11]', 'http://loopback.example:1/1', 'blocked_port'],
  ['port 0', 'http://loopback.example:0/1', 'blocked_port'],
  ['a port beyond all ports', 'http://127.0.0.1:65536/1', 'invalid_uri'],
  ['a user [A50]', 'http://user@127.0.0.1:PORT/1', 'invalid_uri'],
  ['a user that looks like a host', 'http://host.example:80@127.0.0.1:PORT/1', 'invalid_uri'],
  ['IPv6 with a zone', 'http://[fe80::1%25lo]:PORT/1', 'invalid_uri'],
  ['an address and an encoded NUL', 'http://127.0.0.1%00.host.example:PORT/1', 'invalid_uri'],
  ['more than 8 KB [A49]', `http://127.0.0.1:PORT/${'a'.repeat(9000)}`, 'invalid_uri'],
  ['a file [A47]', 'file:///etc/passwd', 'unsupported_scheme'],
  ['Gopher', 'gopher://127.0.0.1:PORT/_INFO', 'unsupported_scheme'],
  ['FTP [A47]', 'ftp://127.0.0.1:PORT/1', 'unsupported_scheme'],
  ['a web socket', 'ws://127.0.0.1:PORT/1', 'unsupported_scheme'],
  ['a script [A47]', 'javascript:fetch("http://127.0.0.1:PORT/1")', 'unsupported_scheme'],
];

const atCanary = (uri: string) => uri.replace('PORT', String(canary.port));

describe('what is not dialled', () => {
  it.each(VECTORS)('nothing of this machine is dialled for a token URI that is %s', async (_, uri, reason) => {
    expect(reasonOf(await fetchUri(atCanary(uri)))).toBe(reason);
    expect(canary.dials).toBe(0);
  });

  it.each(VECTORS)('nothing of this machine is dialled after a redirect to %s [E6]', async (_, uri, reason) => {
    expect(reasonOf(await fetchUri(redirectTo(atCanary(uri))))).toBe(reason);
    expect(canary.dials).toBe(0);
  });

  it.each([
    ['without a scheme', '//127.0.0.1:PORT/1', 'blocked_address'],
    ['without a scheme, to a name', '//loopback.example:PORT/1', 'blocked_address'],
    ['of backslashes', '\\\\127.0.0.1:PORT\\1', 'blocked_address'],
    ['of a slash and a backslash', '/\\127.0.0.1:PORT/1', 'blocked_address'],
    ['that is a document', 'data:application/json,{"name":"a"}', 'unsupported_scheme'],
    ['into IPFS', 'ipfs://QmYwAPJzv5CZsnAzt8auVZRnG7v9Q1QmYwAPJzv5CZsn/1', 'unsupported_scheme'],
  ])('nothing of this machine is dialled after a redirect %s', async (_, location, reason) => {
    expect(reasonOf(await fetchUri(redirectTo(atCanary(location))))).toBe(reason);
    expect(canary.dials).toBe(0);
  });

  it.each([301, 302, 303, 307, 308])(
    'nothing of this machine is dialled after a redirect with status %i',
    async (status) => {
      expect(reasonOf(await fetchUri(redirectTo(`http://127.0.0.1:${canary.port}/1`, status)))).toBe('blocked_address');
      expect(canary.dials).toBe(0);
    },
  );

  it('nothing of this machine is dialled after two good redirects', async () => {
    host.respond('first', 302, '', { location: '/second' });
    host.respond('second', 302, '', { location: '/third' });
    host.respond('third', 302, '', { location: `http://loopback.example:${canary.port}/1` });

    expect(reasonOf(await fetchUri(`${host.url}/first`))).toBe('blocked_address');
    expect(canary.dials).toBe(0);
  });

  it('nothing of this machine is dialled for a Metadata API of a project', async () => {
    const source = { kind: 'metadata_api' as const, url: `http://loopback.example:${canary.port}` };

    expect(reasonOf(await (await fetcher()).fetch({ source, tokenId: '1' }))).toBe('blocked_address');
    expect(canary.dials).toBe(0);
  });

  it('nothing of this machine is dialled for a token URI inside a data: URI', async () => {
    const uri = `data:text/plain,http://127.0.0.1:${canary.port}/1`;

    expect(reasonOf(await fetchUri(uri))).toBe('blocked_address');
    expect(canary.dials).toBe(0);
  });

  it('nothing of this machine is dialled when a name moves to loopback after it was public [E9]', async () => {
    const stop = new AbortController();
    const responses = resolver({ 'rebinding.example': [['8.8.8.8'], ['127.0.0.1']] });
    const stopping: LookupFunction = (name, options, done) => {
      responses(name, options, (...response) => {
        // No test dials the Internet: the first connection ends between the answer and the dial.
        stop.abort();
        done(...response);
      });
    };
    const from = await fetcher({ lookup: stopping });
    const source = { kind: 'token_uri' as const, uri: `http://rebinding.example:${canary.port}/1` };

    const first = await from.fetch({ source, tokenId: '1' }, stop.signal);
    const second = await from.fetch({ source, tokenId: '1' });

    expect([first, second].map(reasonOf)).toEqual(['timeout', 'blocked_address']);
    expect(queries).toEqual(['rebinding.example', 'rebinding.example']);
    expect(canary.dials).toBe(0);
  });

  it('nothing of this machine is dialled through a connection to an exempt host of the same name', async () => {
    const port = host.host.split(':')[1];
    const names = { 'twofold.example': [['127.0.0.1']] };
    const from = await fetcher({ allowedHosts: [`twofold.example:${port}`], lookup: resolver(names) });
    host.respond('1', 302, '', { location: `http://twofold.example:${canary.port}/1` });

    expect(reasonOf(await fetchUri(`http://twofold.example:${port}/1`, from))).toBe('blocked_address');
    expect(host.hits.get('1')).toBeGreaterThan(0);
    expect(canary.dials).toBe(0);
  });
});

describe('names that are not resolved', () => {
  it.each([
    'http://localhost/1',
    'http://a.localhost/1',
    'http://printer.local/1',
    'http://vault.internal/1',
    'http://router.home.arpa/1',
  ])('names of this machine and its network are not even resolved: %s', async (uri) => {
    expect(reasonOf(await fetchUri(uri))).toBe('blocked_address');
    expect(queries).toEqual([]);
  });
});

describe('what is dialled', () => {
  it.each(['127.0.0.1', 'localhost', 'loopback.example'])(
    'a host at %s is dialled when the operator exempts it [E13, E16]',
    async (name) => {
      const names = { ...NAMES, localhost: [['127.0.0.1']] };
      const from = await fetcher({ allowedHosts: [`${name}:${canary.port}`], lookup: resolver(names) });

      expect(reasonOf(await fetchUri(`http://${name}:${canary.port}/1`, from))).toBe('fetched');
      expect(reasonOf(await fetchUri(redirectTo(`http://${name}:${canary.port}/1`), from))).toBe('fetched');
      expect(canary.dials).toBeGreaterThan(0);
    },
  );

  it('a public host is dialled after a redirect whose path has letters beyond ASCII', async () => {
    expect(await fetchUri(redirectTo('/über/é'))).toMatchObject({
      kind: 'fetched',
      url: `${host.url}/collection/1`,
      metadata: { name: 'Token %C3%A9' },
    });
  });

  it('a name is resolved as the URL standard writes it', async () => {
    await fetchUri('http://Straße.EXAMPLE/1');

    expect(queries).toEqual(['xn--strae-oqa.example']);
  });
});

it("a name that is too long for the system's resolver fails as a name that does not resolve", async () => {
  const from = await fetcher({ lookup });

  expect(reasonOf(await fetchUri(`http://${'a'.repeat(300)}.example/1`, from))).toBe('dns');
});
