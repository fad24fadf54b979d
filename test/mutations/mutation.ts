/** A small edit that breaks one promise, and the test that must fail then. */
export interface Mutation {
  promise: string;
  /** Where the promise is kept. */
  file: string;
  /** What the edit does, in words. */
  breaks: string;
  /** Code that the file has once. */
  find: string;
  replace: string;
  suite: string;
  /** The title of the test, or the part of it that all rows of a table of tests have. */
  title: string;
}

export const REFRESH = 'libs/metadata-refresh/src/';
export const STORE = 'libs/token-store/src/';
