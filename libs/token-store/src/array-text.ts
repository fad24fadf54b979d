/** The text form of an array of texts, for a parameter that is an array of arrays: those cannot have different lengths. */
export function arrayText(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(',')}}`;
}
