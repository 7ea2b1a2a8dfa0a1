import type { Contract } from '../contract/types.ts';
import type { RowFormat } from '../row-formats.ts';
import { csvMediaType, csvResponse, toLine } from './response.ts';
import { CsvRows } from './rows.ts';

/** CSV (RFC 4180): a header, then one line per row. */
export const csvFormat: RowFormat = {
  mediaType: csvMediaType,
  // RFC 4180 section 3.
  parameters: ['header=present', 'header="present"'],
  read: (encoders, options) => new CsvRows(encoders, options),
  write: csvResponse,
  docs: {
    rows: 'A header with the names of the features, in any order, then one line per row; an empty cell is missing',
    prediction: 'For `Accept: text/csv`: a header, then one line per row',
    example: sampleRows,
  },
};

/**
 * The sample as CSV with all columns. An encoded category is written as its category, because numbers in category columns are text in CSV.
 */
function sampleRows({ features, sample }: Contract): string {
  const cells = features.map((feature) => {
    const cell = sample[feature.name] ?? '';
    const coded =
      feature.type === 'category' ? feature.categories.find(({ encoding }) => encoding === cell) : undefined;
    return coded?.category ?? String(cell);
  });
  return toLine(features.map(({ name }) => name)) + toLine(cells);
}
