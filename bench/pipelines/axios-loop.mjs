// Fetches with axios and stores nothing.
import { fetchText } from './axios-metadata.mjs';
import { serveFetchLoop } from './fetch-loop.mjs';

await serveFetchLoop(fetchText);
