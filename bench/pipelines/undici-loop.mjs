// Fetches with undici and stores nothing.
import { serveFetchLoop } from './fetch-loop.mjs';
import { fetchText } from './undici-text.mjs';

await serveFetchLoop(fetchText);
