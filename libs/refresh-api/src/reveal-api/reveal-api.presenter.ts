import { toRevealObject, type Page, type Reveal } from '@app/metadata-refresh';
import type { z } from 'zod';
import { toPageBody } from '../project-api/project-api.presenter.js';
import type { revealPageSchema, revealSchema } from './reveal-api.responses.js';

export function toRevealBody(reveal: Reveal): z.output<typeof revealSchema> {
  return toRevealObject(reveal);
}

export function toRevealPage(page: Page<Reveal>): z.output<typeof revealPageSchema> {
  return toPageBody(page, toRevealBody);
}
