/** A trait type of a collection with its values, as far as spelling is concerned. */
export interface SpelledTraitType {
  traitType: string;
  /** Tokens with a value of the type; a token with two values counts twice. */
  tokens: number;
  /** Different values, those that are numbers, and texts that are written like numbers. */
  valueCount: number;
  numberCount: number;
  numberTextCount: number;
  /** One of those texts. */
  numberText: string | null;
  /** The values that are no numbers, the most frequent first. None if there are too many to be compared. */
  texts: { value: string; tokens: number }[];
}

/** Trait types, or values of one trait type, that are spelt unusually. */
export interface SpellingProblem {
  traitTypes: string[];
  values: string[];
  tokens: number;
}

/** Types that look the same, or nearly so. */
export function findAlikeTypes(types: readonly SpelledTraitType[]): SpellingProblem[] {
  return alike(types.map(({ traitType, tokens }) => ({ text: traitType, tokens }))).map((group) => ({
    traitTypes: group.map(({ text }) => text),
    values: [],
    tokens: sum(group),
  }));
}

/** Values of one type that look the same. Texts that are written like numbers are left out: `-5` is not `5`. */
export function findAlikeValues(types: readonly SpelledTraitType[]): SpellingProblem[] {
  return types.flatMap(({ traitType, texts }) =>
    alike(texts.filter(({ value }) => /\p{L}/u.test(value)).map(({ value: text, tokens }) => ({ text, tokens }))).map(
      (group) => ({
        traitTypes: [traitType],
        values: group.map(({ text }) => text),
        tokens: sum(group),
      }),
    ),
  );
}

/** Types all of whose values are written like numbers, and some of them as texts. */
export function findNumberTexts(types: readonly SpelledTraitType[]): SpellingProblem[] {
  return types
    .filter(
      ({ valueCount, numberCount, numberTextCount }) =>
        numberTextCount > 0 && numberCount + numberTextCount === valueCount,
    )
    .map(({ traitType, tokens, numberText }) => ({ traitTypes: [traitType], values: [numberText!], tokens }));
}

/** Types with numbers, and with texts that are none. */
export function findMixedTypes(types: readonly SpelledTraitType[]): SpellingProblem[] {
  return types
    .filter(
      ({ valueCount, numberCount, numberTextCount }) => numberCount > 0 && numberCount + numberTextCount < valueCount,
    )
    .map(({ traitType, texts }) => {
      const others = texts.filter(({ value }) => !isNumberText(value));
      return { traitTypes: [traitType], values: others.map(({ value }) => value), tokens: sum(others) };
    });
}

function isNumberText(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}

interface Spelling {
  text: string;
  tokens: number;
}

/** Groups of different texts with the same look. */
function alike(spellings: readonly Spelling[]): Spelling[][] {
  return [...Map.groupBy(spellings, ({ text }) => lookOf(text)).values()].filter((group) => group.length > 1);
}

function sum(spellings: readonly { tokens: number }[]): number {
  return spellings.reduce((tokens, spelling) => tokens + spelling.tokens, 0);
}

/** Cyrillic and Greek letters, and the Latin ones that their capitals look like. */
const CYRILLIC_AND_GREEK = 'авекмнорстухіјѕԁԛԝһӏαβεζηικμνορτυχ';
const LATIN = 'abekmhopctyxijsdqwhlabezhikmnoptyx';

const LATIN_OF = new Map(Array.from(CYRILLIC_AND_GREEK).map((letter, index) => [letter, LATIN[index]!]));

/**
 * Equal for texts that a reader takes for the same one: without differences of case, width, spaces, hyphens, invisible characters and
 * letters of other scripts that look alike.
 */
export function lookOf(text: string): string {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replaceAll(/(?<=[\p{L}\p{N}])(?:\s+|[_\p{Dash}])(?=[\p{L}\p{N}])/gu, '')
    .trim();
  return Array.from(plain, (letter) => LATIN_OF.get(letter) ?? letter).join('');
}
