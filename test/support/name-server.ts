import type { AddressInfo } from 'node:net';
import DNS from 'dns2';

/** What is said of a name: its addresses, an error, or nothing at all. */
export type NameAnswer = { A?: string[]; AAAA?: string[] } | keyof typeof ERRORS | 'hangs';

/** By their codes in RFC 1035. */
const ERRORS = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };

/** A name server on loopback that answers as it is told, and counts. What it was not told of does not exist. */
export class NameServer {
  private constructor(
    private readonly server: DNS.UDPServer,
    /** Names that were asked for, in order: each once for IPv4 and once for IPv6. */
    readonly questions: readonly string[],
  ) {}

  static async start(names: Record<string, NameAnswer>): Promise<NameServer> {
    const questions: string[] = [];
    const server = DNS.createUDPServer((request, send) => {
      const [{ name, type } = { name: '', type: 0 }] = request.questions;
      questions.push(name);
      const answer = names[name] ?? 'NXDOMAIN';
      if (answer === 'hangs') return;
      const response = DNS.Packet.createResponseFromRequest(request);
      if (typeof answer === 'string') response.header.rcode = ERRORS[answer];
      else {
        const addresses = (type === DNS.Packet.TYPE.AAAA ? answer.AAAA : answer.A) ?? [];
        for (const address of addresses)
          response.answers.push(new DNS.Packet.Resource({ name, type, class: 1, ttl: 300, address }));
      }
      void send(response);
    });
    await server.listen(0, '127.0.0.1');
    return new NameServer(server, questions);
  }

  /** As the option `nameServers` takes it. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => this.server.close(done));
  }
}
