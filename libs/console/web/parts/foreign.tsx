import { useState } from 'preact/hooks';
import { announce } from '../data/announcements.js';
import { beginningOf, linkOf, segmentsOf } from '../text/foreign.js';
import { Icon } from './icon.js';

/** Text by a stranger: text nodes only, set apart from the direction of the line, with marks for what would be invisible. */
export function Foreign({ text, max = 120, mono = false }: { text: string; max?: number; mono?: boolean }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? text : beginningOf(text, max);
  const isCut = shown.length < text.length;
  return (
    <>
      <bdi class={mono ? 'mono' : undefined}>
        <Segments text={shown} />
        {isCut && '…'}
      </bdi>
      {isCut && (
        <>
          {' '}
          <button type="button" class="more" onClick={() => setWhole(true)}>
            show all
          </button>
        </>
      )}
    </>
  );
}

function Segments({ text }: { text: string }) {
  return (
    <>
      {segmentsOf(text).map((segment, index) =>
        'text' in segment ? (
          segment.text
        ) : (
          <span key={index} class="mark">
            {segment.mark}
          </span>
        ),
      )}
    </>
  );
}

/** The same inside a link or a heading, where a button has no place. */
export function ForeignName({ text, max = 60 }: { text: string; max?: number }) {
  const shown = beginningOf(text, max);
  return (
    <bdi>
      <Segments text={shown} />
      {shown.length < text.length && '…'}
    </bdi>
  );
}

/** A URL by a stranger: a link that shows where it leads, if it is http or https; else text. Copy has it as it is. */
export function ForeignUrl({ url, max = 300 }: { url: string; max?: number }) {
  const link = linkOf(url);
  if (!link) {
    return (
      <>
        <Foreign text={url} max={max} mono /> <Copy text={url} what="URL" />
      </>
    );
  }
  return (
    <>
      <a class="link mono" href={link.href} target="_blank" rel="noopener noreferrer nofollow">
        <ForeignName text={url} max={max} />
      </a>{' '}
      {!url.includes(link.host) && <span class="faint nowrap">at {link.host} </span>}
      <Copy text={url} what="URL" />
    </>
  );
}

function useCopy(text: string, what: string) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    announce(`${what} copied`);
    setTimeout(() => setCopied(false), 1500);
  };
  return { isCopied, copy: () => void copy(), icon: isCopied ? ('check' as const) : ('copy' as const) };
}

export function Copy({ text, what }: { text: string; what: string }) {
  const { isCopied, copy, icon } = useCopy(text, what);
  const label = isCopied ? `${what} copied` : `Copy ${what}`;
  return (
    <button type="button" class="btn bare icon" aria-label={label} title={label} onClick={copy}>
      <Icon name={icon} />
    </button>
  );
}

/** The same with its words. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const { isCopied, copy, icon } = useCopy(text, what);
  return (
    <button type="button" class="btn" onClick={copy}>
      <Icon name={icon} />
      {isCopied ? 'Copied' : `Copy ${what}`}
    </button>
  );
}
