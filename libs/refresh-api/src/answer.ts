/** An error as a dialect puts it on the wire. */
export interface Answer {
  status: number;
  body: object;
  headers?: Readonly<Record<string, string>>;
}
