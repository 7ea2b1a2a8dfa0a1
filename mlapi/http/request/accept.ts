interface Weight {
  readonly quality: number;
  /** 0: the header does not match; 1: matches `*\/*`; 2: matches `text/*`; 3: names the type. */
  readonly specificity: number;
}

/**
 * Whether an `Accept` header prefers one media type to the default one: by q-value, and for equal ones by how exactly each is named (RFC
 * 9110 section 12.5.1).
 */
export function prefers(accept: string | undefined, wanted: string, usual: string): boolean {
  if (accept === undefined || accept === '*/*') return false;
  const ranges = accept.toLowerCase().split(',');
  const [ofWanted, ofUsual] = [weigh(ranges, wanted), weigh(ranges, usual)];
  if (ofWanted.quality !== ofUsual.quality) return ofWanted.quality > ofUsual.quality;
  return ofWanted.quality > 0 && ofWanted.specificity > ofUsual.specificity;
}

/** Uses the range that matches most exactly. */
function weigh(ranges: readonly string[], mediaType: string): Weight {
  const [group] = mediaType.split('/');
  const names = ['*/*', `${group}/*`, mediaType];
  let weight: Weight = { quality: 0, specificity: 0 };
  for (const range of ranges) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim());
    const specificity = names.indexOf(name) + 1;
    if (specificity > weight.specificity) weight = { quality: readQuality(parameters), specificity };
  }
  return weight;
}

/** Returns the q-value; 0 if it is malformed. */
function readQuality(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  if (given === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(given) ? Number(given.slice(2)) : 0;
}
