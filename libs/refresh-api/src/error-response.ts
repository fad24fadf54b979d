/** An error in the shape of a dialect. */
export interface ErrorResponse {
  status: number;
  body: object;
  headers?: Readonly<Record<string, string>>;
  /** The id by which the caller can name the error; it is logged with errors of the service. */
  traceId?: string;
}
