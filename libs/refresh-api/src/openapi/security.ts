import { applyDecorators } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';

export const API_KEY = 'apiKey';
/** Three headers, and all of them: OpenAPI has no scheme of several headers. */
export const SIGNATURE = {
  address: 'walletAddress',
  timestamp: 'walletTimestamp',
  signature: 'walletSignature',
} as const;

export const TakesApiKey = () => ApiSecurity(API_KEY);

export const TakesSignatureOrApiKey = () =>
  applyDecorators(
    ApiSecurity({ [SIGNATURE.address]: [], [SIGNATURE.timestamp]: [], [SIGNATURE.signature]: [] }),
    ApiSecurity(API_KEY),
  );
