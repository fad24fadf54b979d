import type { AddressInfo } from 'node:net';
import DNS from 'dns2';

/** The response for a name: its addresses, an error, or none. */
export type DnsResponse = { A?: string[]; AAAA?: string[] } | keyof typeof ERRORS | 'hangs';

/** Response codes of RFC 1035. */
const ERRORS = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };

/** A scripted name server on loopback that records its queries. Other names get NXDOMAIN. */
export class NameServer {
  private constructor(
    private readonly server: DNS.UDPServer,
    /** Names in query order: each once for IPv4 and once for IPv6. */
    readonly queries: readonly string[],
  ) {}

  static async start(names: Record<string, DnsResponse>): Promise<NameServer> {
    const queries: string[] = [];
    const server = DNS.createUDPServer((request, send) => {
      const [{ name, type } = { name: '', type: 0 }] = request.questions;
      queries.push(name);
      const scripted = names[name] ?? 'NXDOMAIN';
      if (scripted === 'hangs') return;
      const response = DNS.Packet.createResponseFromRequest(request);
      if (typeof scripted === 'string') response.header.rcode = ERRORS[scripted];
      else {
        const addresses = (type === DNS.Packet.TYPE.AAAA ? scripted.AAAA : scripted.A) ?? [];
        for (const address of addresses)
          response.answers.push(new DNS.Packet.Resource({ name, type, class: 1, ttl: 300, address }));
      }
      void send(response);
    });
    await server.listen(0, '127.0.0.1');
    return new NameServer(server, queries);
  }

  /** In the format of the option `nameServers`. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => this.server.close(done));
  }
}
