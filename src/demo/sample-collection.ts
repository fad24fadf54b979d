import type { HostResponse, MetadataHost } from '@app/testing';

export const SAMPLE_SIZE = 500;

/** Requested, but never registered. */
export const UNKNOWN_TOKENS = ['9001', '9002'];

/** The expected outcome. */
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

/** Before the reveal all tokens have the same document. After it each has its own, and some fail. */
export function serveSamples(host: MetadataHost, isRevealed: boolean): void {
  for (let id = 1; id <= SAMPLE_SIZE; id += 1) {
    const responses = isRevealed ? (FAULTS[id] ?? [document(lighthouse(id))]) : [document(placeholder(id))];
    host.script(String(id), ...responses);
  }
}

function document(body: object): HostResponse {
  return { status: 200, body };
}

function text(status: number, body: string): HostResponse {
  return { status, body, headers: { 'content-type': 'text/plain' } };
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
function lighthouse(id: number): object {
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

/** Registered tokens that fail on purpose, as in a real reveal: missing, broken or slow. */
const FAULTS: Readonly<Record<number, HostResponse[]>> = {
  13: [text(404, 'no such lighthouse')],
  66: [text(404, 'no such lighthouse')],
  77: [text(500, 'the keeper is asleep')],
  99: [text(403, 'the gate is closed')],
  113: [text(200, '<!doctype html><title>Maintenance</title><p>Back soon.')],
  166: [text(200, '{"name": "Lighthouse #166", ')],
  213: [document(['a list', 'is no metadata'])],
  266: [document({})],
  313: [{ behaviour: 'hangs' }],
  366: [{ behaviour: 'hangs' }],
  404: [text(503, 'warming up'), text(503, 'warming up'), document(lighthouse(404))],
  450: [text(503, 'warming up'), text(503, 'warming up'), document(lighthouse(450))],
};
