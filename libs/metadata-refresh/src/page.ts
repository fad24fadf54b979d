/** A place in a list that is ordered by time, newest first: the last row that was read. */
export interface PagePosition {
  /** RFC 3339 in UTC with microseconds: a millisecond would lose rows. */
  createdAt: string;
  /** Breaks ties. */
  id: string;
}

export interface PageRequest {
  limit: number;
  after?: PagePosition | undefined;
}

export interface Page<Row> {
  rows: Row[];
  hasMore: boolean;
}

/** Of one row more than asked for, the page and whether there is more. */
export function toPage<Row>(rows: readonly Row[], limit: number): Page<Row> {
  return { rows: rows.slice(0, limit), hasMore: rows.length > limit };
}
