import { BadRequestException } from '@nestjs/common';
import { parsePageCursor, type OrderColumn, type PageOrder, type TraitRange } from '@app/token-store';
import type { ListingQuery } from './listings.js';

type QueryParameters = Readonly<Record<string, string | string[] | undefined>>;

const KNOWN = ['page_size', 'cursor', 'order_by', 'direction', 'collection_address', 'chain_id', 'q'];
const NUMBER = /^-?[0-9]{1,100}(\.[0-9]{1,100})?$/;
/** Each filter is checked for every row that a page reads. */
const MAX_TRAIT_FILTERS = 20;
/** Longer trait types and values are not indexed. */
const MAX_CHARACTERS = 500;

const ID: OrderColumn = { name: 'id', type: 'bigint' };
/** The columns of each order, and its default direction. */
const ORDERS: Readonly<Record<string, Omit<PageOrder, 'label'>>> = {
  created_at: { columns: [ID], direction: 'desc' },
  price: { columns: [{ name: 'price', type: 'numeric' }, ID], direction: 'asc' },
  name: { columns: [{ name: 'name_key', type: 'text' }, ID], direction: 'asc' },
};

/**
 * `collection_address`, `chain_id`, `q`, `order_by`, `direction`, `page_size`, `cursor`, and filters by trait, all of which
 * must hold: `trait.<type>=<value>` (repeated: any of the values), and for numbers `trait.<type>>=5`, `<=`, `>`, `<`.
 */
export function parseListingQuery(parameters: QueryParameters): ListingQuery {
  const names = Object.keys(parameters);
  const unknown = names.find((name) => !KNOWN.includes(name) && !/^trait\../.test(name));
  if (unknown !== undefined) {
    throw wrong(`${unknown} is not a filter: there are ${KNOWN.join(', ')} and trait.<type>`);
  }
  const order = parseOrder(one(parameters, 'order_by'), one(parameters, 'direction'));
  const cursor = one(parameters, 'cursor');
  const collectionAddress = parseAddress(one(parameters, 'collection_address'));
  const chainId = parseChainId(one(parameters, 'chain_id'));
  if (chainId !== undefined && collectionAddress === undefined) {
    throw wrong('chain_id needs a collection_address: it says which chain that address is on');
  }
  return {
    limit: parsePageSize(one(parameters, 'page_size')),
    order,
    after: cursor ? parsePageCursor(order, cursor) : null,
    collectionAddress,
    chainId,
    filters: { ...parseTraits(parameters), nameContains: storable('q', one(parameters, 'q')) || undefined },
  };
}

function parseTraits(parameters: QueryParameters): Required<Pick<ListingQuery['filters'], 'traits' | 'ranges'>> {
  const traits = new Map<string, string[]>();
  const ranges = new Map<string, TraitRange>();
  for (const [name, given] of Object.entries(parameters).filter(([key]) => key.startsWith('trait.'))) {
    const range = parseRange(name, given);
    if (range) {
      const [[bound]] = Object.entries(range.bounds) as [[string, string]];
      const known = ranges.get(range.traitType) ?? { traitType: range.traitType };
      if (bound in known) throw wrong(`${name} must be given once`);
      ranges.set(range.traitType, { ...known, ...range.bounds });
    } else {
      const values = [given ?? ''].flat().map((value) => storable(name, value));
      traits.set(storable(name, name.slice('trait.'.length)), values);
    }
  }
  if (traits.size + ranges.size > MAX_TRAIT_FILTERS) {
    throw wrong(
      `at most ${MAX_TRAIT_FILTERS} filters by trait can be given, and there are ${traits.size + ranges.size}`,
    );
  }
  return { traits: Object.fromEntries(traits), ranges: [...ranges.values()] };
}

/**
 * A query string has `trait.Level>=5` as the parameter `trait.Level>` with the value 5, and `trait.Level>5` as a parameter
 * with an empty value. null: not a range.
 */
function parseRange(
  name: string,
  given: string | string[] | undefined,
): { traitType: string; bounds: Omit<TraitRange, 'traitType'> } | null {
  const inclusive = /^trait\.(.+)([<>])$/s.exec(name);
  const exclusive = given === '' ? /^trait\.(.+?)([<>])([^<>]*)$/s.exec(name) : null;
  const [, traitType = '', sign, number = given ?? ''] = inclusive ?? exclusive ?? [];
  if (!sign) return null;
  if (Array.isArray(number)) throw wrong(`${name}= must be given once`);
  if (!NUMBER.test(number)) {
    throw wrong(`${name}${inclusive ? `=${number}` : ''} must compare with a decimal number, as in trait.Level>=5`);
  }
  const bound = inclusive ? ({ '>': 'atLeast', '<': 'atMost' } as const) : ({ '>': 'above', '<': 'below' } as const);
  return { traitType: storable(name, traitType), bounds: { [bound[sign as '<' | '>']]: number } };
}

function parseOrder(orderBy: string | undefined, direction: string | undefined): PageOrder {
  const name = orderBy || 'created_at';
  if (!Object.hasOwn(ORDERS, name)) throw wrong(`order_by must be one of ${Object.keys(ORDERS).join(', ')}`);
  if (direction && direction !== 'asc' && direction !== 'desc') throw wrong('direction must be asc or desc');
  const order = { ...ORDERS[name]!, ...(direction && { direction: direction as 'asc' | 'desc' }) };
  return { ...order, label: `${name}:${order.direction}` };
}

function parsePageSize(text: string | undefined): number {
  if (!text) return 50;
  const size = /^[1-9][0-9]{0,2}$/.test(text) ? Number(text) : 0;
  if (size < 1 || size > 200) throw wrong('page_size must be a whole number from 1 to 200');
  return size;
}

function parseAddress(text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw wrong('collection_address must be 0x and 40 hex digits');
  return text;
}

function parseChainId(text: string | undefined): number | undefined {
  if (!text) return undefined;
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw wrong('chain_id must be a chain id, such as 1');
  return Number(text);
}

/** Refuses text that PostgreSQL cannot compare, and text that is longer than any indexed value. */
function storable<Text extends string | undefined>(name: string, text: Text): Text {
  if (text?.includes('\0')) throw wrong(`${name.replaceAll('\0', '')} must not hold U+0000`);
  if ((text?.length ?? 0) > MAX_CHARACTERS)
    throw wrong(`${name.slice(0, 100)} must not be longer than ${MAX_CHARACTERS} characters`);
  return text;
}

function one(parameters: QueryParameters, name: string): string | undefined {
  const value = parameters[name];
  if (Array.isArray(value)) throw wrong(`${name} must be given once`);
  return value;
}

function wrong(message: string): BadRequestException {
  return new BadRequestException({ code: 'input_validation_failed', message });
}
