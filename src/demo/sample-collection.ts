/** How one token's document is served. */
export type SampleAnswer =
  | { kind: 'document'; body: unknown }
  | { kind: 'status'; status: number; body: string }
  | { kind: 'text'; body: string }
  | { kind: 'too slow' }
  | { kind: '503 twice'; body: unknown };

export const SAMPLE_SIZE = 500;

/** Registered, but gone from the Metadata API, broken, or late: what a real reveal meets, on purpose. */
const TROUBLE: Readonly<Record<number, SampleAnswer>> = {
  13: { kind: 'status', status: 404, body: 'no such lighthouse' },
  66: { kind: 'status', status: 404, body: 'no such lighthouse' },
  77: { kind: 'status', status: 500, body: 'the keeper is asleep' },
  99: { kind: 'status', status: 403, body: 'the gate is closed' },
  113: { kind: 'text', body: '<!doctype html><title>Maintenance</title><p>Back soon.' },
  166: { kind: 'text', body: '{"name": "Lighthouse #166", ' },
  213: { kind: 'document', body: ['a list', 'is no metadata'] },
  266: { kind: 'document', body: {} },
  313: { kind: 'too slow' },
  366: { kind: 'too slow' },
  404: { kind: '503 twice', body: null },
  450: { kind: '503 twice', body: null },
};

/** Asked for, but never registered. */
export const UNKNOWN_TOKENS = ['9001', '9002'];

/** What the demonstration has to end with. */
export const EXPECTED = {
  succeeded: 490,
  failed: 12,
  codes: {
    invalid_response_status_code: 4,
    token_not_found: 2,
    unable_to_decode_response: 4,
    unable_to_retrieve_metadata: 2,
  },
} as const;

/** Before the reveal every token shows the same; after it each has its own document, and some of them fail. */
export function sampleAnswer(id: number, isRevealed: boolean): SampleAnswer {
  if (!isRevealed) return { kind: 'document', body: placeholder(id) };
  const trouble = TROUBLE[id];
  if (trouble?.kind === '503 twice') return { ...trouble, body: lighthouse(id) };
  return trouble ?? { kind: 'document', body: lighthouse(id) };
}

function placeholder(id: number) {
  return { name: `Lighthouse #${id}`, description: 'Covered in fog until the reveal.', image: image('fog') };
}

const TOWERS = ['Granite', 'Brick', 'Timber', 'Iron', 'Whitewashed'];
const LAMPS = ['Oil', 'Carbide', 'Electric', 'Firefly'];
const SEAS = ['Calm', 'Choppy', 'Storm'];

function pick<T>(choices: readonly T[], id: number, salt: number): T {
  return choices[(id * 31 + salt * 17) % choices.length]!;
}

/** The same metadata in the shapes that real collections use. */
function lighthouse(id: number): unknown {
  const name = `Lighthouse #${id}`;
  const traits = {
    Tower: pick(TOWERS, id, 1),
    Lamp: pick(LAMPS, id, 2),
    Sea: pick(SEAS, id, 3),
    Height: 10 + (id % 50),
  };
  const listed = Object.entries(traits).map(([trait_type, value]) => ({ trait_type, value }));
  switch (id % 5) {
    case 0:
      return { name, description: 'Seen from the ferry.', image_url: image(traits.Tower), attributes: traits };
    case 1:
      return { name, description: 'Seen from the pier.', image: image(traits.Tower), traits: listed };
    case 2:
      return {
        name,
        image: `ipfs://QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE/${id}.png`,
        attributes: JSON.stringify(listed),
      };
    case 3:
      return {
        name,
        description: 'Built lately.',
        image: image(traits.Tower),
        animation_url: `https://lighthouses.example/${id}.mp4`,
        background_color: '0B3D91',
        attributes: [...listed, { trait_type: 'Built', value: 1_700_000_000 + id, display_type: 'date' }],
      };
    default:
      return {
        name,
        description: 'Drawn on chain.',
        image_data: `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="30"><rect width="10" height="30" fill="#fff"/></svg>`,
        attributes: [...listed, { trait_type: 'Ships guided', value: id * 7, display_type: 'number', max_value: 3500 }],
      };
  }
}

function image(name: string): string {
  return `https://lighthouses.example/images/${name.toLowerCase()}.png`;
}
