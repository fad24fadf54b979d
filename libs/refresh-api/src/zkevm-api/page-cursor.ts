import { z } from 'zod';

/** A place in a list: a collection, and the id of an item of it; empty where collections are listed. */
export interface Place {
  collectionId: string;
  id: string;
}

/** Where a page begins: after a place, or before it. */
export interface PageCursor extends Place {
  direction: 'asc' | 'desc';
}

/** The pages around a page. */
interface Neighbours {
  /** null: this is the first page. */
  previous: PageCursor | null;
  /** null: this is the last page. */
  next: PageCursor | null;
}

export interface PageQuery {
  limit: number;
  cursor?: PageCursor | undefined;
}

/** One step of a walk through a list. */
export interface Step {
  direction: PageCursor['direction'];
  /** Absent: it begins at the end that the direction leaves. */
  after: Place | undefined;
  limit: number;
}

/** What a step has found, in its direction. */
export interface Found<Row> {
  rows: Row[];
  /** The last place that was looked at, if there may be more behind it. Of no account if there are as many rows as the limit. */
  reached: Place | null;
}

const cursorSchema = z
  .object({ type: z.enum(['next', 'prev']), collection: z.guid(), id: z.string() })
  .transform(({ type, collection, id }): PageCursor => ({
    direction: type === 'next' ? 'asc' : 'desc',
    collectionId: collection,
    id,
  }));

/** Parses cursors of a list whose ids satisfy `isId`. null: the text is not a cursor. */
export function pageCursorParser(isId: (id: string) => boolean) {
  return (text: string): PageCursor | null => {
    try {
      const cursor = cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
      return isId(cursor.id) ? cursor : null;
    } catch {
      return null;
    }
  };
}

/** A page of a list. */
export interface Page<Row> extends Neighbours {
  rows: Row[];
}

/** A page as it is sent. */
export function toPageBody<Row, Body>({ rows, previous, next }: Page<Row>, toBody: (row: Row) => Body) {
  return {
    result: rows.map(toBody),
    page: { previous_cursor: previous && formatPageCursor(previous), next_cursor: next && formatPageCursor(next) },
  };
}

/** Of a list that has one page. */
export const ONLY_PAGE = { previous_cursor: null, next_cursor: null };

/** A page of a list that can be walked in both directions. One row more than it shows tells whether there is another page. */
export async function walkPage<Row>(
  { limit, cursor }: PageQuery,
  walk: (step: Step) => Promise<Found<Row>>,
  placeOf: (row: Row) => Place,
): Promise<Page<Row>> {
  const direction = cursor?.direction ?? 'asc';
  const { rows: found, reached } = await walk({ direction, after: cursor, limit: limit + 1 });
  const rows = found.slice(0, limit);
  const further = found.length > limit ? placeOf(rows.at(-1)!) : reached;
  const onward = further && { ...further, direction };
  const opposite = direction === 'asc' ? ('desc' as const) : ('asc' as const);
  const back = cursor && rows[0] ? { ...placeOf(rows[0]), direction: opposite } : null;
  return direction === 'asc'
    ? { rows, previous: back, next: onward }
    : { rows: rows.toReversed(), previous: onward, next: back };
}

/** base64url of JSON, which needs no escapes in a query: some clients send it as it is. Opaque to callers. */
function formatPageCursor({ direction, collectionId, id }: PageCursor): string {
  const type = direction === 'asc' ? 'next' : 'prev';
  return Buffer.from(JSON.stringify({ type, collection: collectionId, id })).toString('base64url');
}
