import { createHash, generateKeyPairSync, sign } from 'node:crypto';

export interface Certificate {
  key: string;
  cert: string;
}

export interface CertificateOptions {
  /** The IP address in the subject alternative name. */
  address?: string;
  /** Of the holder: for a client, the user that it connects as. */
  commonName?: string;
  from?: Date;
  until?: Date;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** Generates a self-signed certificate. Node provides keys and signatures; the ASN.1 around them is encoded here. */
export function selfSigned({
  address = '127.0.0.1',
  commonName = `Test ${address}`,
  from = new Date(Date.now() - YEAR_MS),
  until = new Date(Date.now() + YEAR_MS),
}: CertificateOptions = {}): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicPart = publicKey.export({ type: 'spki', format: 'der' });
  const ecdsaWithSha256 = sequence(field(0x06, bytes('2a8648ce3d040302')));
  const nameField = sequence(field(0x06, bytes('550403')), field(0x0c, Buffer.from(commonName)));
  const name = sequence(field(0x31, nameField));
  const addresses = sequence(field(0x87, Buffer.from(address.split('.').map(Number))));
  const alternativeName = sequence(field(0x06, bytes('551d11')), field(0x04, addresses));
  const content = sequence(
    field(0xa0, field(0x02, bytes('02'))),
    field(0x02, Buffer.concat([bytes('01'), createHash('sha256').update(publicPart).digest().subarray(0, 8)])),
    ecdsaWithSha256,
    name,
    sequence(time(from), time(until)),
    name,
    publicPart,
    field(0xa3, sequence(alternativeName)),
  );
  const signature = Buffer.concat([bytes('00'), sign('sha256', content, privateKey)]);
  const certificate = sequence(content, ecdsaWithSha256, field(0x03, signature));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`,
  };
}

/** Encodes a DER element: tag, length, content. */
function field(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return field(0x30, ...parts);
}

function time(date: Date): Buffer {
  return field(0x18, Buffer.from(`${date.toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`));
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
