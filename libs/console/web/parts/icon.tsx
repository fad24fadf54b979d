const PATHS = {
  check: 'M3.5 8.5l3 3 6-7',
  same: 'M3.5 6h9M3.5 10h9',
  x: 'M4 4l8 8M12 4l-8 8',
  again: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  wait: 'M8 4.5V8l2.2 1.6M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z',
  stop: 'M4.5 4.5h7v7h-7z',
  down: 'M8 2.5v8M4.5 7.5L8 11l3.5-3.5M3 13.5h10',
  copy: 'M5.5 5.5h7v8h-7zM10.5 5.5v-3h-7v8h2',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4L14 14',
  right: 'M6 3.5L10.5 8 6 12.5',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5l7 4.5-7 4.5z',
  home: 'M2.5 7.5L8 3l5.5 4.5M4 6.5V13h8V6.5',
  list: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01',
  gem: 'M4.5 2.5h7L14 6l-6 7.5L2 6zM2 6h12',
  host: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
  warn: 'M8 2.5l6 11H2zM8 6.5v3M8 11.6h.01',
  gear: 'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 1.8v1.7M8 12.5v1.7M1.8 8h1.7M12.5 8h1.7M3.6 3.6l1.2 1.2M11.2 11.2l1.2 1.2M12.4 3.6l-1.2 1.2M4.8 11.2l-1.2 1.2',
  hook: 'M5 6.5a3 3 0 1 1 4.6 2.5L8 11.5M8 11.5a2 2 0 1 1-4-.3',
  chain: 'M6.5 9.5l3-3M7 4.8l1.3-1.3a2.7 2.7 0 0 1 3.9 3.9l-1.4 1.3M9 11.2l-1.3 1.3a2.7 2.7 0 0 1-3.9-3.9l1.4-1.3',
  people:
    'M6 7.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6zM1.8 13.2c.3-2.4 2-3.7 4.2-3.7s3.9 1.3 4.2 3.7M10.6 3.2a2.2 2.2 0 0 1 0 4.2M12 9.8c1.3.5 2 1.7 2.2 3.4',
  flask: 'M6 2.5h4M6.8 2.5v4L3 12.3c-.4.7.1 1.2.8 1.2h8.4c.7 0 1.2-.5.8-1.2L9.2 6.5v-4M5 10h6',
  sun: 'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13.2 9.6A5.7 5.7 0 0 1 6.4 2.8a5.7 5.7 0 1 0 6.8 6.8z',
  system: 'M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  key: 'M9.5 8.5a3 3 0 1 0-2-2L2.5 11.5v2h2l.5-1.5 1.5-.5.5-1.5z',
  out: 'M6 3.5H3V13h9.5v-3M9 2.8h4.2V7M13 3L7.5 8.5',
  leave: 'M6.5 3H3v10h3.5M10.5 5.5L13 8l-2.5 2.5M13 8H6.5',
  box: 'M2.5 5.5L8 3l5.5 2.5V11L8 13.5 2.5 11zM2.5 5.5L8 8l5.5-2.5M8 8v5.5',
  skip: 'M4 4l5 4-5 4zM12 4v8',
  eye: 'M1.5 8C3 5.2 5.2 3.8 8 3.8S13 5.2 14.5 8C13 10.8 10.8 12.2 8 12.2S3 10.8 1.5 8zM8 6.1a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8z',
} as const;

export type IconName = keyof typeof PATHS;

/** Says nothing to screen readers: a word is always beside it, or is the label of its button. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="i" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
