import { EntityManager } from '@mikro-orm/postgresql';
import { Body, Controller, Get, NotFoundException, Post } from '@nestjs/common';
import { IsEthereumAddress, IsNumberString } from 'class-validator';
import { Collection, Offer } from './entities.js';

export class NewOffer {
  @IsEthereumAddress()
  address: string;
  @IsNumberString()
  tokenId: string;
  @IsNumberString()
  price: string;
}

/** The shop's own routes: tokens for sale, without metadata. */
@Controller('offers')
export class OffersController {
  constructor(private readonly em: EntityManager) {}

  @Get()
  async list() {
    const offers = await this.em.find(Offer, {}, { populate: ['collection'], orderBy: { id: 'asc' } });
    return offers.map(({ collection, tokenId, price }) => ({ collection: collection.title, tokenId, price }));
  }

  @Post()
  async putUp(@Body() { address, tokenId, price }: NewOffer) {
    const collection = await this.em.findOne(Collection, { address: address.toLowerCase() });
    if (!collection) throw new NotFoundException(`The shop does not sell ${address}.`);
    const offer = this.em.create(Offer, { collection, tokenId, price });
    await this.em.persist(offer).flush();
    return { offer: offer.id };
  }
}
