import { StandardSchemaValidationPipe } from '@nestjs/common';
import { InvalidRequest } from './invalid-request.js';

/** Issues beyond these are counted, not listed: a list of 1,000 wrong ids is one mistake. */
const LISTED = 5;

/** Checks a parameter against the schema that stands beside it. */
export const validate = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => {
    const texts = issues.slice(0, LISTED).map(({ message, path = [] }) => {
      const place = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
      return place ? `${place} ${message}` : message;
    });
    const more = issues.length > LISTED ? `; and ${issues.length - LISTED} more` : '';
    return new InvalidRequest(texts.join('; ') + more);
  },
});
