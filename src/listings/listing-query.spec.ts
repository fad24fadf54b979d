import { InvalidCursor, formatPageCursor } from '@app/token-store';
import { parse } from 'node:querystring';
import { parseListingQuery } from './listing-query.js';

const filtersOf = (query: string) => parseListingQuery(parse(query)).filters;
const orderOf = (query: string) => parseListingQuery(parse(query)).order;

it('a repeated trait means any of the values, and different traits all of them', () => {
  expect(filtersOf('trait.Lamp=Oil&trait.Lamp=Gas&trait.Sea=Calm').traits).toEqual({
    Lamp: ['Oil', 'Gas'],
    Sea: ['Calm'],
  });
});

it.each([
  ['trait.Level>=5', { traitType: 'Level', atLeast: '5' }],
  ['trait.Level%3E=5', { traitType: 'Level', atLeast: '5' }],
  ['trait.Level<=5.25', { traitType: 'Level', atMost: '5.25' }],
  ['trait.Level>-5', { traitType: 'Level', above: '-5' }],
  ['trait.Level%3C5', { traitType: 'Level', below: '5' }],
  ['trait.Hit Points>=1&trait.Hit Points<100', { traitType: 'Hit Points', atLeast: '1', below: '100' }],
])('the filter %s is a range of numbers', (query, range) => {
  expect(filtersOf(query)).toMatchObject({ traits: {}, ranges: [range] });
});

it('the value of a trait filter may contain < and >', () => {
  expect(filtersOf('trait.Mood=%3E=5')).toMatchObject({ traits: { Mood: ['>=5'] }, ranges: [] });
});

it.each([
  ['trait.Level>=five', /trait.Level>=five must compare with a decimal number/],
  ['trait.Level>=', /trait.Level>= must compare/],
  ['trait.Level>=5&trait.Level>=6', /must be given once/],
  ['trait.Level>5&trait.Level>6', /must be given once/],
  ['trait.Mood=%00', /must not hold U\+0000/],
  ['q=a%00', /q must not hold U\+0000/],
  [`q=${'a'.repeat(501)}`, /q must not be longer than 500 characters/],
  ['order_by=rarity', /order_by must be one of created_at, price, name/],
  ['order_by=constructor', /order_by must be one of/],
  ['direction=up', /direction must be asc or desc/],
  ['chain_id=1', /chain_id needs a collection_address/],
  ['chain_id=1&collection_address=', /chain_id needs a collection_address/],
  ['sort=price', /sort is not a filter: there are page_size/],
  [Array.from({ length: 21 }, (_, at) => `trait.T${at}=1`).join('&'), /at most 20 filters by trait/],
])('the query %s is refused with a message that says why', (query, message) => {
  expect(() => parseListingQuery(parse(query))).toThrow(message);
});

it('listings are sorted newest first, cheapest first or from A to Z when no direction is given', () => {
  expect(orderOf('').label).toBe('created_at:desc');
  expect(orderOf('order_by=price').label).toBe('price:asc');
  expect(orderOf('order_by=name&direction=desc').label).toBe('name:desc');
});

it('a listing cursor is accepted in its own order and refused in another one, with both names', () => {
  const cursor = formatPageCursor(orderOf('order_by=price'), ['1000', '7']);

  expect(parseListingQuery(parse(`order_by=price&cursor=${cursor}`)).after).toEqual(['1000', '7']);
  expect(() => parseListingQuery(parse(`order_by=name&cursor=${cursor}`))).toThrow(
    'cursor belongs to the order "price:asc"; these pages have the order "name:asc": begin without a cursor',
  );
});

it.each([
  'x',
  Buffer.from('null').toString('base64url'),
  Buffer.from('{"order":"created_at:desc","position":["x"]}').toString('base64url'),
  Buffer.from('{"order":"created_at:desc","position":["1","2"]}').toString('base64url'),
  Buffer.from('{"order":"created_at:desc","position":[7]}').toString('base64url'),
])('%s is refused as a listing cursor', (cursor) => {
  expect(() => parseListingQuery(parse(`cursor=${cursor}`))).toThrow(InvalidCursor);
});
