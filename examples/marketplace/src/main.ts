import 'reflect-metadata';
import { MarketplaceModule } from './marketplace.module.js';
import { serve } from './serve.js';

await serve(MarketplaceModule);
