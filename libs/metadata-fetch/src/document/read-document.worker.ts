import { readDocument } from './read-document.js';

/** The entry point of the worker thread. */
export default readDocument;
