const ascii = /^[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$/;
const asciiCharacter = /[A-Za-z0-9._@-]/;
const punctuationOutside = /^[._@-]|[._@-]$/;
/** Conjoining Hangul letters are other spellings of syllables (RFC 8264 section 9.9); others show nothing. */
const hidden = /\p{Default_Ignorable_Code_Point}|[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]/u;
/** Each name keeps to one of them, beside digits and punctuation of ASCII. */
const scripts = [
  /\p{Script=Latin}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Cyrillic}/u,
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]/u,
  /\p{Script=Hangul}/u,
];
/** Latin letters without a decomposition that European languages write: other ones, such as phonetic signs, look like these. */
const latinLetters = 'ÆæŒœØøÐðÞþßẞĐđĦħŁłŊŋı';

export const clientNameRule =
  'a client name has 1 to 64 characters: letters, digits and . _ @ -, a letter or digit first and last; letters beyond ASCII are Latin, Greek, Cyrillic, Chinese, Japanese or Korean, without separate marks, and of one script in a name';

/** A name as it is stored and compared: in NFC (RFC 8265 section 3.4.2), byte for byte, case preserved. */
export function normalizeName(text: string): string {
  return text.normalize('NFC');
}

/**
 * Whether a name in NFC is one: a subset of what PRECIS UsernameCasePreserved allows (RFC 8265 section 3.4), with one script in each
 * name, as UTS 39 section 5 has it for the level "Single Script". Whatever else a caller sends as a name is nobody's.
 */
export function isClientName(name: string): boolean {
  if (ascii.test(name)) return true;
  // Characters with a compatibility decomposition, such as fullwidth letters, are other spellings of the same (RFC 8264 section 9.17).
  if (name.length > 64 || punctuationOutside.test(name) || name !== name.normalize('NFKC')) return false;
  return scripts.filter((script) => script.test(name)).length === 1 && Array.from(name).every(isNameCharacter);
}

function isNameCharacter(character: string): boolean {
  if (asciiCharacter.test(character)) return true;
  if (!/\p{L}/u.test(character) || hidden.test(character)) return false;
  if (/\p{Script=Latin}/u.test(character)) return isPlainLatin(character);
  return scripts.some((script) => script.test(character));
}

function isPlainLatin(letter: string): boolean {
  return latinLetters.includes(letter) || /^[A-Za-z]\p{M}*$/u.test(letter.normalize('NFD'));
}

/** Letters, and those of another alphabet that look the same (UTS 39, confusables.txt, for the letters that names may have). */
const alike: readonly (readonly [shown: string, others: string])[] = [
  ...([
    ['A', 'ΑА'],
    ['B', 'ΒВ'],
    ['C', 'СϹ'],
    ['E', 'ΕЕ'],
    ['G', 'Ԍ'],
    ['H', 'ΗН'],
    ['I', 'lΙІӀ1'],
    ['J', 'ЈͿ'],
  ] as const),
  ...([
    ['K', 'ΚК'],
    ['M', 'ΜМ'],
    ['N', 'Ν'],
    ['O', 'ΟО0'],
    ['P', 'ΡР'],
    ['Q', 'Ԛ'],
    ['S', 'Ѕ'],
    ['T', 'ΤТ'],
  ] as const),
  ...([
    ['V', 'Ѵ'],
    ['W', 'Ԝ'],
    ['X', 'ΧХ'],
    ['Y', 'ΥҮ'],
    ['Z', 'Ζ'],
    ['a', 'αа'],
    ['b', 'Ь'],
    ['c', 'сϲ'],
    ['d', 'ԁ'],
  ] as const),
  ...([
    ['e', 'е'],
    ['g', 'ց'],
    ['h', 'һ'],
    ['i', 'ıιі'],
    ['j', 'јϳ'],
    ['k', 'κк'],
    ['n', 'п'],
    ['o', 'οо'],
    ['p', 'ρр'],
  ] as const),
  ...([
    ['q', 'ԛ'],
    ['r', 'г'],
    ['s', 'ѕ'],
    ['t', 'τт'],
    ['u', 'υ'],
    ['v', 'νѵ'],
    ['w', 'ԝω'],
    ['x', 'χх'],
    ['y', 'γуү'],
  ] as const),
  ...([
    ['β', 'ßẞ'],
    ['φ', 'ф'],
    ['Γ', 'Г'],
    ['Π', 'П'],
    ['Φ', 'Ф'],
    ['Λ', 'Л'],
    ['Đ', 'Ð'],
    ['ε', 'є'],
    ['þ', 'ϸ'],
  ] as const),
  ...([
    ['二', 'ニ'],
    ['工', 'エ'],
    ['力', 'カ'],
    ['口', 'ロ'],
    ['卜', 'ト'],
    ['八', 'ハ'],
    ['夕', 'タ'],
    ['へ', 'ヘ'],
    ['一', 'ー'],
  ] as const),
];
const shownAs = new Map(
  alike.flatMap(([shown, others]) => Array.from(others, (other): [string, string] => [other, shown])),
);

/** Maps look-alike letters to one letter: two names with the same skeleton are easily confused (UTS 39 section 4). */
function skeletonOf(name: string): string {
  const shown = Array.from(name.normalize('NFD'), (letter) => shownAs.get(letter) ?? letter);
  return shown.join('').normalize('NFC');
}

/** Finds taken names that look like a new one, by their skeletons. */
export class LookAlikes {
  readonly #names = new Map<string, string[]>();

  constructor(names: readonly string[]) {
    for (const name of names) this.add(name);
  }

  add(name: string): void {
    const skeleton = skeletonOf(name);
    const others = this.#names.get(skeleton);
    if (others === undefined) this.#names.set(skeleton, [name]);
    else others.push(name);
  }

  /** A name that looks the same and is another. Names of ASCII alone have always been told apart by their bytes. */
  find(name: string): string | undefined {
    const isAscii = ascii.test(name);
    return this.#names.get(skeletonOf(name))?.find((other) => other !== name && !(isAscii && ascii.test(other)));
  }
}
