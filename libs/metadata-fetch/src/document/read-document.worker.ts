import { readDocument } from './read-document.js';

/** Runs in a thread of its own. */
export default readDocument;
