import { BadRequestException } from '@nestjs/common';
import type { ListingQuery } from './listings.js';

type QueryParameters = Readonly<Record<string, string | string[] | undefined>>;

const KNOWN = ['page_size', 'cursor', 'collection_address', 'q'];

/** `collection_address`, `trait.<type>=<value>` (repeated: any of the values), `q`, `page_size`, `cursor`. */
export function parseListingQuery(parameters: QueryParameters): ListingQuery {
  const unknown = Object.keys(parameters).find((name) => !KNOWN.includes(name) && !/^trait\../.test(name));
  if (unknown) throw wrong(`${unknown} is not a filter: use collection_address, trait.<type>, q, page_size or cursor`);

  return {
    limit: parsePageSize(one(parameters, 'page_size')),
    after: parseCursor(one(parameters, 'cursor')),
    collectionAddress: parseAddress(one(parameters, 'collection_address')),
    nameContains: one(parameters, 'q') || undefined,
    traits: Object.fromEntries(
      Object.entries(parameters)
        .filter(([name]) => name.startsWith('trait.'))
        .map(([name, value]) => [name.slice('trait.'.length), [value ?? ''].flat()]),
    ),
  };
}

/** base64url of JSON, like every cursor here: the last row that was read. */
export function formatCursor(listingId: string): string {
  return Buffer.from(JSON.stringify({ id: listingId })).toString('base64url');
}

function parseCursor(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const id = /^\{"id":"([1-9][0-9]{0,17})"\}$/.exec(Buffer.from(text, 'base64url').toString())?.[1];
  if (!id) throw wrong('cursor must be the cursor of an earlier page, as it was given');
  return id;
}

function parsePageSize(text: string | undefined): number {
  if (!text) return 50;
  const size = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (size < 1 || size > 200) throw wrong('page_size must be a whole number from 1 to 200');
  return size;
}

function parseAddress(text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw wrong('collection_address must be 0x and 40 hex digits');
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
