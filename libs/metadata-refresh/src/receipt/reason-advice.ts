import type { REFRESH_REASONS, RefreshErrorCode } from '../refresh-reason.js';

type Advice = { [Code in RefreshErrorCode]: Record<(typeof REFRESH_REASONS)[Code][number], string> };

/** One sentence for each reason: what the owner of the Metadata API can do. Shown by the API and the command line. */
const ADVICE: Advice = {
  unable_to_retrieve_metadata: {
    timeout:
      'Your server did not send the whole document within the time limit: make it respond faster, for example from a cache or a CDN.',
    dns: 'The host name in the metadata URL does not resolve: check its spelling and the DNS records of your domain.',
    connection_refused:
      'Nothing listens at the host and port of the metadata URL: check that your server runs, and that the port is right.',
    connection_reset:
      'Your server closed the connection without a response: check its logs, and the proxy or firewall in front of it.',
    tls: 'No TLS connection was possible: install a valid certificate for the host name of the metadata URL, with its intermediate certificates.',
    connection: 'Your server could not be reached over the network: check its address, its routing and its firewall.',
    blocked_address:
      'The metadata URL leads to a private or reserved address, which is never requested: serve the metadata from a public address.',
    blocked_port: 'The port of the metadata URL is not allowed: serve the metadata on port 443 or 80.',
    too_many_redirects: 'The metadata URL redirects too often: register the URL at which the redirects end.',
    incomplete_body:
      'Your server broke off its response, or sent a malformed one: check its Content-Length and Content-Encoding, and the proxy in front of it.',
    too_large: 'The document is larger than 5 MiB: put images and other media at URLs of their own.',
    invalid_uri: 'The metadata URL or the token URI is not a valid URL: correct it where it is set.',
    unsupported_scheme: 'The scheme of the token URI is not supported: use https:, ipfs:, ar: or data:.',
    busy: 'The refresh service was too busy for these tokens, and your server is not the cause: request them again later.',
    no_uri: 'The contract has no token URI for these tokens: set it in the contract.',
    no_contract:
      'No contract is deployed at the address of the collection: ask the marketplace to check the address and the chain.',
    contract_reverted:
      'The contract reverted the call for the token URI: check that tokenURI or uri works for these tokens.',
    rpc_error:
      'The blockchain node of the refresh service failed, and your contract is not the cause: request these tokens again later.',
    worker_lost:
      'The refresh service failed while it processed these tokens: request them again, and tell the marketplace if that does not help.',
  },
  invalid_response_status_code: {},
  unable_to_decode_response: {
    empty_body: 'Your server sent status 200 with an empty body: send the document, or an error status.',
    invalid_json: 'The document is not valid JSON: check it for missing parts, comments and trailing commas.',
    not_json:
      'Your server sent a web page or XML instead of JSON: check that the metadata URL does not lead to a page, a login or an error page.',
    wrong_type: 'The document is a JSON list or a single value: send a JSON object.',
    too_deep: 'The document has too many values or levels: send a smaller one.',
    empty_metadata: 'The document is an empty object: add a name, an image or attributes.',
    no_known_fields:
      'The document has nothing to show, or is an error message: send name, description, image or attributes, and send errors with an error status.',
    media_instead_of_document:
      'Your server sent an image or a video: send a JSON document that has the URL of the media in image or animation_url.',
    invalid_data_uri:
      'The data: URI of the token cannot be decoded: it needs a comma before its data, and valid base64 if it declares base64.',
    invalid_encoding: 'The document is compressed twice: compress it once, and name the encoding in Content-Encoding.',
    invalid_token_uri: 'The contract does not return text as the token URI: check the result of tokenURI or uri.',
    internal_error:
      'The refresh service failed while it read the document, and your server is not the cause: request these tokens again later.',
    not_storable:
      'The refresh service could not store the document because of an error of its own: report these tokens to the marketplace.',
  },
  token_not_found: {
    contract_reverted:
      'The contract says that these tokens do not exist: leave out the ids of tokens that are burnt or not minted yet.',
    not_registered: 'The marketplace does not know these tokens: check their ids, or register the tokens first.',
  },
};

const STATUS_ADVICE = new Map([
  [
    202,
    'Your server says that the document is not ready yet: send it with status 200, and until then status 503 with Retry-After.',
  ],
  [304, 'Your server sent status 304 although nothing allowed it: send the document with status 200.'],
  [
    401,
    'Your server asks for credentials: allow requests for metadata without them, and check your firewall and bot protection.',
  ],
  [
    403,
    'Your server forbids the request: allow requests for metadata from our user agent in your firewall and bot protection.',
  ],
  [404, 'Your server has no document for these tokens: publish it, or check the metadata URL and the ids.'],
  [405, 'Your server does not accept GET at the metadata URL: allow it.'],
  [410, 'Your server says that the documents of these tokens are gone: publish them again, or leave these tokens out.'],
  [
    429,
    'Your server refuses more requests than it accepts: allow more for our user agent, or ask the marketplace for fewer concurrent requests.',
  ],
  [
    451,
    'Your server withholds the document for legal reasons: make it available where the refresh service runs, or leave these tokens out.',
  ],
  [
    502,
    'The proxy or CDN in front of your server got no valid response from it: check that your server runs and responds.',
  ],
  [
    503,
    'Your server was unavailable or overloaded: give it more capacity, and let it send Retry-After when it needs a pause.',
  ],
  [504, 'The proxy or CDN in front of your server waited too long for it: make your server respond faster.'],
]);

/** By the first digit of a status that is not in the table. */
const STATUS_CLASS_ADVICE = new Map([
  ['2', 'Your server sent a success without the document: send it with status 200.'],
  ['3', 'Your server sent a redirect that cannot be followed: send a valid Location, or the document with status 200.'],
  ['4', 'Your server rejects the request: make sure that a plain GET of the metadata URL returns the document.'],
  ['5', 'Your server failed with an internal error: check its logs for these tokens.'],
]);
const OTHER_STATUS_ADVICE = 'Your server sent a status that HTTP does not define: send the document with status 200.';

/** For a reason that this version does not know, because a newer one has written it. */
const CODE_ADVICE: Record<RefreshErrorCode, string> = {
  unable_to_retrieve_metadata:
    'There was no complete response: check that the metadata URL can be requested from outside.',
  invalid_response_status_code: OTHER_STATUS_ADVICE,
  unable_to_decode_response: 'The response is not metadata: check the document at the metadata URL.',
  token_not_found: 'The token does not exist: check its id.',
};

/** What the owner of the Metadata API can do about tokens that failed for this reason: one sentence. */
export function adviceFor(errorCode: RefreshErrorCode, reason: string): string {
  if (errorCode === 'invalid_response_status_code') return statusAdvice(reason.slice('status_'.length));
  const known: Readonly<Partial<Record<string, string>>> = ADVICE[errorCode];
  return known[reason] ?? CODE_ADVICE[errorCode];
}

function statusAdvice(status: string): string {
  return STATUS_ADVICE.get(Number(status)) ?? STATUS_CLASS_ADVICE.get(status.slice(0, 1)) ?? OTHER_STATUS_ADVICE;
}
