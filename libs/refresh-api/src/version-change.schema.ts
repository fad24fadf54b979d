import { z } from 'zod';

/** Traits that a version gained or lost. */
export const changedTraitsSchema = z.array(
  z.object({
    trait_type: z.string().meta({ examples: ['Level'] }),
    value: z.string().meta({ description: 'As text.', examples: ['2'] }),
  }),
);

/** The fields of a response that say what a version changed. */
export const versionChangeSchema = {
  changed_fields: z.array(z.string()).meta({
    description: 'The fields of the record whose values differ; empty if only other parts of the document do.',
    examples: [['name', 'attributes']],
  }),
  traits_added: changedTraitsSchema.meta({ description: 'At most 100, without values of more than 500 characters.' }),
  traits_removed: changedTraitsSchema.meta({ description: 'At most 100, without values of more than 500 characters.' }),
  has_all_traits: z.boolean().meta({ description: '`false`: there were too many for the two lists.' }),
};
