import { defineEntity, p } from '@mikro-orm/core';

const UserSchema = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.integer().primary(),
    name: p.text(),
    wallet: p.text(),
    apiKey: p.text(),
  },
});
/** A seller, with an API key in the shop's format. */
export class User extends UserSchema.class {}
UserSchema.setClass(User);

const CollectionSchema = defineEntity({
  name: 'Collection',
  tableName: 'collections',
  properties: {
    id: p.integer().primary(),
    address: p.text(),
    title: p.text(),
    metadataUrl: p.text(),
    owner: () => p.manyToOne(User),
  },
});
/** The shop's own collection, not the package's `Collection` of the same name. */
export class Collection extends CollectionSchema.class {}
CollectionSchema.setClass(Collection);

const OfferSchema = defineEntity({
  name: 'Offer',
  tableName: 'offers',
  properties: {
    id: p.integer().primary(),
    collection: () => p.manyToOne(Collection),
    tokenId: p.text(),
    price: p.text(),
  },
});
/** A token for sale. */
export class Offer extends OfferSchema.class {}
OfferSchema.setClass(Offer);
