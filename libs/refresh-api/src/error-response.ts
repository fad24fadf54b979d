/** An error in the shape of a dialect. */
export interface ErrorResponse {
  status: number;
  body: object;
  headers?: Readonly<Record<string, string>>;
}
