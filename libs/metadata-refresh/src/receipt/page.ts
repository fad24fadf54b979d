/** The last row of the previous page, in a list that is ordered by time, newest first. */
export interface PagePosition {
  /** RFC 3339 in UTC with microseconds: with milliseconds, rows would be lost. */
  createdAt: string;
  /** Breaks ties. */
  id: string;
}

/** The number of rows of a page, and the position of the last row of the previous page. */
export interface PageRequest {
  limit: number;
  after?: PagePosition | undefined;
}

/** One page of a list. */
export interface Page<Row> {
  rows: Row[];
  hasMore: boolean;
}

/** `rows` has up to one row more than `limit`, which shows that there are more. */
export function toPage<Row>(rows: readonly Row[], limit: number): Page<Row> {
  return { rows: rows.slice(0, limit), hasMore: rows.length > limit };
}
