import type { RefObject } from 'preact';
import type { CollectionList } from '../../src/wire/index.js';
import { chainName, nameOf } from './names.js';

/** Which of the collections whose tokens can be fetched. */
export function CollectionSelect({
  id,
  rows,
  chosen,
  select,
}: {
  id: string;
  rows: CollectionList['rows'];
  /** Its id; null: the first one. */
  chosen: string | null;
  select: RefObject<HTMLSelectElement>;
}) {
  return (
    <div class="field">
      <label for={id}>Collection</label>
      <select ref={select} id={id}>
        {rows.map((row) => (
          <option key={row.id} value={row.id} selected={row.id === (chosen ?? rows[0]!.id)}>
            {nameOf(row)} on {chainName(row.chainId)}
            {row.project && `, ${row.project.name}`}
          </option>
        ))}
      </select>
    </div>
  );
}
