// Fetching alone, with undici.
import { serveFetchLoop } from './fetch-loop.mjs';
import { fetchText } from './undici-text.mjs';

await serveFetchLoop(fetchText);
