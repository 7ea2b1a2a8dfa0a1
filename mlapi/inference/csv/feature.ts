import type { Feature, OpenFeature } from '../../http/feature.ts';
import type { RowFormats } from '../row-formats.ts';

/** CSV (RFC 4180) in requests and responses of predictions. */
export const csv = {
  open: async () => {
    const { csvFormat } = await import('./format.ts');
    return ({ rowFormats }: { rowFormats: RowFormats }): OpenFeature => {
      rowFormats.add(csvFormat);
      return {};
    };
  },
} satisfies Feature;
