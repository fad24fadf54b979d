import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { ProjectDirectory, type CallingProject } from 'nestjs-nft-refresh/project-auth';
import { User } from './shop/entities.js';

/** Maps the shop's users to projects, and accepts their API keys of the form `shop-…`. */
@Injectable()
export class UserDirectory extends ProjectDirectory {
  constructor(private readonly em: EntityManager) {
    super();
  }

  override isApiKey(text: string): boolean {
    return text.startsWith('shop-');
  }

  override async findById(id: string): Promise<CallingProject | null> {
    return toProject(await this.em.fork().findOne(User, { id: Number(id) }));
  }

  override async findByOwner(address: string): Promise<CallingProject | null> {
    return toProject(await this.em.fork().findOne(User, { wallet: address.toLowerCase() }));
  }

  override async findByApiKey(apiKey: string): Promise<CallingProject | null> {
    return toProject(await this.em.fork().findOne(User, { apiKey }));
  }
}

function toProject(user: User | null): CallingProject | null {
  return user && { id: String(user.id), name: user.name, ownerAddress: user.wallet };
}
