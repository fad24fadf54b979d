import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import type { Search as Found } from '../../src/wire/index.js';
import { read, withQuery } from '../data/api.js';
import { announce } from '../data/announcements.js';
import { singleKeys } from '../data/keys.js';
import { useStore } from '../data/store.js';
import { plural } from '../text/numbers.js';
import { ForeignName } from './foreign.js';
import { Icon, type IconName } from './icon.js';
import { pathOfLink, withShortAddresses } from './names.js';

const ICONS: Record<Found['hits'][number]['kind'], IconName> = {
  refresh: 'list',
  token: 'gem',
  collection: 'box',
  host: 'host',
  project: 'people',
  webhook: 'hook',
};

/** Takes a token id, refresh id, address or host, and goes there. Several hits are listed. */
export function Search({ input }: { input: RefObject<HTMLInputElement> }) {
  const [, navigate] = useLocation();
  const [hits, setHits] = useState<Found['hits'] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const hasKey = useStore(singleKeys);
  const close = () => {
    setHits(null);
    setProblem(null);
  };

  useEffect(() => {
    const onPointer = ({ target }: Event) => form.current?.contains(target as Node) || close();
    document.addEventListener('pointerdown', onPointer);
    return () => document.removeEventListener('pointerdown', onPointer);
  }, []);

  const find = async () => {
    const q = input.current!.value.trim();
    close();
    if (q === '') return;
    try {
      const found = await read<Found>(withQuery('search', { q }));
      if (found.hits.length === 1) {
        input.current!.value = '';
        input.current!.blur();
        navigate(pathOfLink(found.hits[0]!.link));
        return;
      }
      setHits(found.hits);
      announce(found.hits.length === 0 ? 'Nothing found' : `${plural(found.hits.length, 'hit')} found`);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };

  return (
    <form
      ref={form}
      class="find"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void find();
      }}
      onKeyDown={({ key }) => {
        if (key !== 'Escape') return;
        close();
        input.current?.focus();
      }}
    >
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        aria-label="Find a token, refresh, address or host"
        placeholder="Token, refresh id, address, host"
        autocomplete="off"
        spellcheck={false}
        onInput={close}
      />
      {hasKey && <kbd aria-hidden="true">/</kbd>}
      {problem !== null && (
        <div class="hits">
          <p>{problem}</p>
        </div>
      )}
      {hits && (
        <ul class="hits" aria-label="Hits">
          {hits.length === 0 && (
            <li>
              <p>Nothing has this id, address or name.</p>
            </li>
          )}
          {hits.map(({ kind, label, detail, link }) => (
            <li key={link}>
              <Link
                href={pathOfLink(link)}
                onClick={() => {
                  close();
                  input.current!.value = '';
                }}
              >
                <Icon name={ICONS[kind]} />
                <span>
                  <ForeignName text={withShortAddresses(label)} />
                </span>
                <small>
                  <ForeignName text={detail} max={120} />
                </small>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </form>
  );
}
