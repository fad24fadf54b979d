import { Link } from 'wouter-preact';
import type { RevealChanges, RevealDetails } from '../../src/wire/index.js';
import { SLOW_MS, useRead } from '../data/queries.js';
import { fieldWord } from '../text/changes.js';
import { formatCount, plural } from '../text/numbers.js';
import { shortId } from '../text/token-ids.js';
import { ForeignName } from './foreign.js';
import { tokenPath } from './names.js';
import { Loaded } from './states.js';
import { When } from './time.js';

type Changes = NonNullable<RevealChanges['changes']>;
type Finding = NonNullable<RevealChanges['findings']>[number];
type Example = Finding['examples'][number];
type Collection = RevealDetails['reveal']['collection'];

/** What its publication would change, before anybody sees it. */
export function RevealChangesCard({ id, collection }: { id: string; collection: Collection }) {
  const read = useRead<RevealChanges>(`reveals/${encodeURIComponent(id)}/changes`, SLOW_MS);
  return (
    <section class="card" aria-labelledby="changes">
      <header>
        <h2 id="changes">What would change</h2>
      </header>
      <Loaded read={read} rows={4}>
        {({ changes, findings }) => (
          <div class="pad">
            {changes ? (
              <ChangeCounts changes={changes} />
            ) : (
              <p class="muted">It cannot be told at this moment. This page asks again by itself.</p>
            )}
            {findings && <Findings findings={findings} collection={collection} />}
          </div>
        )}
      </Loaded>
    </section>
  );
}

function ChangeCounts({ changes }: { changes: Changes }) {
  const { fields, traits } = changes;
  const always: [text: string, count: number][] = [
    ['Get another document', changes.updated],
    ['Have the document already', changes.unchanged],
  ];
  const more: [text: string, count: number][] = [
    ['Get their first metadata', changes.firstMetadata],
    ['Keep what was written later', changes.superseded],
    ['Not registered any more', changes.missing],
    ['Not staged, and stay as they are', changes.notStaged],
  ];
  return (
    <>
      <dl class="kv">
        {[...always, ...more.filter(([, count]) => count > 0)].map(([text, count]) => (
          <div key={text}>
            <dt>{text}</dt>
            <dd>{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
      {fields.length > 0 && (
        <p class="diff">
          {[...countsOfWords(fields)].map(([word, tokens]) => (
            <span key={word} class="chg">
              {word} of {plural(tokens, 'token')}
            </span>
          ))}
        </p>
      )}
      {traits.tokens > 0 && (
        <p class="small">
          Traits of {plural(traits.tokens, 'token')} change: {plural(traits.added, 'value')} added,{' '}
          {formatCount(traits.removed)} removed. {newTraits(traits)}
        </p>
      )}
      <p class="faint small">
        As of <When at={changes.asOf} />
      </p>
    </>
  );
}

/** Tokens by what people call the field that changes. */
function countsOfWords(fields: Changes['fields']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { field, tokens } of fields) {
    const word = fieldWord(field);
    counts.set(word, Math.max(tokens, counts.get(word) ?? 0));
  }
  return counts;
}

/** Of the filters of the collection. */
function newTraits({ valuesAdded, valuesRemoved, typesAdded, typesRemoved }: Changes['traits']): string {
  const parts: readonly [count: number, one: string, many?: string][] = [
    [typesAdded, 'new trait'],
    [valuesAdded, 'new value'],
    [typesRemoved, 'trait that no token has any more', 'traits that no token has any more'],
    [valuesRemoved, 'value that no token has any more', 'values that no token has any more'],
  ];
  const found = parts.filter(([count]) => count > 0).map(([count, one, many]) => plural(count, one, many));
  return found.length === 0 ? '' : `In the collection: ${found.join(', ')}.`;
}

function Findings({ findings, collection }: { findings: readonly Finding[]; collection: Collection }) {
  if (findings.length === 0) return <p class="small">Nothing unusual was found in the staged documents.</p>;
  return (
    <>
      <h3>Please look at</h3>
      <ul class="plain">
        {findings.map(({ code, message, count, examples }) => (
          <li key={code}>
            <b>{formatCount(count)}</b> · {message}
            {examples.map((example) => (
              <span key={JSON.stringify(example)} class="under">
                <ExampleText example={example} collection={collection} />
              </span>
            ))}
          </li>
        ))}
      </ul>
    </>
  );
}

function ExampleText({
  example: { tokens, tokenIds, traitTypes, values },
  collection,
}: {
  example: Example;
  collection: Collection;
}) {
  const hidden = tokens - tokenIds.length;
  return (
    <>
      {traitTypes.map((type, index) => (
        <span key={type}>
          {index > 0 && ' · '}
          <ForeignName text={type} max={40} />
        </span>
      ))}
      {traitTypes.length > 0 && values.length > 0 && ': '}
      {values.map((value, index) => (
        <span key={value}>
          {index > 0 && ' · '}
          <ForeignName text={value} max={40} />
        </span>
      ))}
      {traitTypes.length + values.length > 0 && tokenIds.length > 0 && ' – '}
      {tokenIds.length > 0 && (tokens === 1 ? 'token ' : 'tokens ')}
      {tokenIds.map((tokenId, index) => (
        <span key={tokenId}>
          {index > 0 && ', '}
          <Link class="link mono" href={tokenPath(collection, tokenId)}>
            {shortId(tokenId)}
          </Link>
        </span>
      ))}
      {tokenIds.length > 0 && hidden > 0 && ` and ${formatCount(hidden)} more`}
    </>
  );
}
