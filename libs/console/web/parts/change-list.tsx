import type { RefreshToken } from '../../src/wire/index.js';
import { changedTraits, fieldWords } from '../text/changes.js';
import { ForeignName } from './foreign.js';

type Change = NonNullable<RefreshToken['change']>;

/** What changed, in few words: fields by name, traits with their old and new value. */
export function ChangeList({ change, max = 12 }: { change: Change; max?: number }) {
  const traits = changedTraits(change);
  const fields = fieldWords(change.changedFields.filter((field) => field !== 'attributes' || traits.length === 0));
  const total = fields.length + traits.length;
  const shownFields = fields.slice(0, max);
  const shownTraits = traits.slice(0, Math.max(0, max - shownFields.length));
  const hidden = total - shownFields.length - shownTraits.length;
  return (
    <span class="diff">
      {shownFields.map((field) => (
        <span key={field} class="chg">
          {field}
        </span>
      ))}
      {shownTraits.map(({ type, before, after }) => (
        <span key={`${type}\n${before}\n${after}`} class="chg">
          {before === null ? (
            <ins>
              + <ForeignName text={type} max={40} />: <ForeignName text={after!} max={40} />
            </ins>
          ) : after === null ? (
            <del>
              <ForeignName text={type} max={40} />: <ForeignName text={before} max={40} />
            </del>
          ) : (
            <>
              <ForeignName text={type} max={40} />{' '}
              <del>
                <ForeignName text={before} max={40} />
              </del>{' '}
              →{' '}
              <ins>
                <ForeignName text={after} max={40} />
              </ins>
            </>
          )}
        </span>
      ))}
      {hidden > 0 && <span class="chg">{hidden} more</span>}
      {!change.hasAllTraits && <span class="chg">more traits than are listed</span>}
      {total === 0 && <span class="muted">other parts of the document</span>}
    </span>
  );
}
