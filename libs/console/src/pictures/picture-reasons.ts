import { MAX_PICTURE_PIXELS, MAX_PICTURE_SIDE, type PictureFetcher, type PictureOutcome } from '@app/metadata-fetch';

type Failure = Exclude<PictureOutcome, { kind: 'picture' }>;
type Reason = Extract<Failure, { kind: 'unreachable' }>['reason'];

const MIB = 1024 * 1024;

/** Each ends the sentence "The picture was not loaded: …". */
const UNREACHABLE: Partial<Record<Reason, string>> = {
  dns: 'the name of its server is not known.',
  tls: 'the certificate of its server is not valid.',
  blocked_address: 'its address is in a private network, from which nothing is loaded.',
  blocked_port: 'its address has a port from which nothing is loaded.',
  incomplete_body: 'its server did not send all of it.',
  invalid_uri: 'its address is not valid.',
  busy: 'this service is making too many other requests. Try again in a few seconds.',
  unsupported_scheme: 'its address is not one of http, https, IPFS or Arweave.',
  invalid_data_uri: 'the data: URI in the document is not valid.',
};

/** Why there is no picture, in words that name nothing of this deployment. */
export function sentenceOf(failure: Failure, { timeoutMs, maxBytes, maxRedirects }: PictureFetcher['limits']): string {
  switch (failure.kind) {
    case 'unreachable':
      if (failure.reason === 'timeout') return `its server did not send all of it within ${timeoutMs / 1000} seconds.`;
      if (failure.reason === 'too_large') return `it is larger than ${Number((maxBytes / MIB).toFixed(1))} MiB.`;
      if (failure.reason === 'too_many_redirects') return `its server redirects more often than ${maxRedirects} times.`;
      return UNREACHABLE[failure.reason] ?? `its server cannot be reached (${failure.reason}).`;
    case 'bad_status':
      return `its server responded with status ${failure.status}.`;
    case 'not_a_picture':
      return `its content is not PNG, JPEG, GIF, WebP, AVIF or SVG${calledBy(failure.contentType)}.`;
    case 'too_many_pixels':
      return `it has ${failure.width} × ${failure.height} pixels, and ${MAX_PICTURE_SIDE} a side and ${MAX_PICTURE_PIXELS / 1_000_000} million in all are allowed.`;
  }
}

/** A stranger has written it. */
function calledBy(contentType: string | null): string {
  const [type = ''] = contentType?.split(';', 1) ?? [];
  return /^[\w.+-]{1,40}\/[\w.+-]{1,60}$/.test(type) ? `, and its server calls it ${type}` : '';
}
