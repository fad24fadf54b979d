// Fetching and normalising as the baselines do it: axios with connections kept open, without the redirects and proxies
// that would cost it a fifth of its speed, and a plain mapping of fields.
import { Agent } from 'node:http';
import axios from 'axios';
import { FETCHES_AT_ONCE } from './settings.mjs';

const client = axios.create({
  httpAgent: new Agent({ keepAlive: true, maxSockets: FETCHES_AT_ONCE, maxFreeSockets: FETCHES_AT_ONCE }),
  timeout: 3000,
  maxRedirects: 0,
  proxy: false,
  // The text is what is stored; it is parsed once, below.
  responseType: 'text',
  transformResponse: (body) => body,
});

export async function fetchText(url) {
  return (await client.get(url)).data;
}

export function normalise(raw) {
  const document = JSON.parse(raw);
  return {
    name: document.name ?? null,
    description: document.description ?? null,
    imageUrl: document.image ?? null,
    externalUrl: document.external_url ?? null,
    backgroundColor: document.background_color ?? null,
    attributes: document.attributes ?? [],
    raw,
  };
}

export const metadataUrlOf = ({ metadataUrl, tokenId }) => `${metadataUrl}/${tokenId}`;
