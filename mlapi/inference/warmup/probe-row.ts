import type { Contract, Feature, NamedRow } from '../contract/types.ts';

type Cell = NamedRow[string];

/** Makes a valid row that differs from the contract's sample in every cell that the contract allows to vary. */
export function probeRow({ features, sample }: Contract): NamedRow {
  return Object.fromEntries(
    features.map((feature) => [feature.name, otherCell(feature, sample[feature.name] ?? null)]),
  );
}

function otherCell(feature: Feature, cell: Cell): Cell {
  switch (feature.type) {
    case 'boolean':
      return cell !== true && cell !== 1;
    case 'category': {
      const isSame = (category: string) => category.toLowerCase() === String(cell).toLowerCase();
      return feature.categories.find(({ category }) => !isSame(category))?.category ?? cell;
    }
    default: {
      const { min = -Infinity, max = Infinity } = feature;
      if (typeof cell !== 'number') return cell;
      return cell + 1 <= max ? cell + 1 : cell - 1 >= min ? cell - 1 : cell;
    }
  }
}
