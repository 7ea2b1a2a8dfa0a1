const ascii = /^[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$/;
const asciiCharacter = /[A-Za-z0-9._@-]/;
const punctuationOutside = /^[._@-]|[._@-]$/;
/** Conjoining Hangul letters spell syllables in a second way (RFC 8264 section 9.9); default-ignorable characters are invisible. */
const hidden = /\p{Default_Ignorable_Code_Point}|[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]/u;
/** A name uses one of these scripts, plus ASCII digits and punctuation. */
const scripts = [
  /\p{Script=Latin}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Cyrillic}/u,
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]/u,
  /\p{Script=Hangul}/u,
];
/** Latin letters of European languages that have no decomposition. Others, such as phonetic letters, look like these. */
const latinLetters = 'ÆæŒœØøÐðÞþßẞĐđĦħŁłŊŋı';

export const clientNameRule =
  'a client name has 1 to 64 characters: letters, digits and . _ @ -, a letter or digit first and last; non-ASCII letters are Latin, Greek, Cyrillic, Chinese, Japanese or Korean, without combining marks, and all of one script';

/** Returns a name as it is stored and compared: NFC (RFC 8265 section 3.4.2), byte for byte, case-sensitive. */
export function normalizeName(text: string): string {
  return text.normalize('NFC');
}

/**
 * Whether a name in NFC is valid: a subset of PRECIS UsernameCasePreserved (RFC 8265 section 3.4) that allows one script per name (UTS 39
 * section 5, "Single Script"). No client has any other name.
 */
export function isClientName(name: string): boolean {
  if (ascii.test(name)) return true;
  // Characters with a compatibility decomposition, such as fullwidth letters, spell the same name twice (RFC 8264 section 9.17).
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

/** Letters and their look-alikes in other alphabets (UTS 39, confusables.txt), restricted to letters allowed in names. */
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

  /** Returns another name that looks the same. Two ASCII names never clash: such pairs existed before this check. */
  find(name: string): string | undefined {
    const isAscii = ascii.test(name);
    return this.#names.get(skeletonOf(name))?.find((other) => other !== name && !(isAscii && ascii.test(other)));
  }
}
