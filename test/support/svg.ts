export const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];

/** Where a panel's axes lie, and what the upper one stands for. */
export interface Axes {
  readonly title: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly base: number;
  readonly most: number;
}

/** A drawing as a document of its own. */
export function svg(width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
${parts.join('\n')}
</svg>
`;
}

/** The title, both axes, and the numbers at the ends of the upright one. */
export function frame(axes: Axes): string[] {
  const { title, left, right, top, base, most } = axes;
  const number = (value: number) =>
    `<text x="${left - 6}" y="${toY(axes, value) + 4}" text-anchor="end">${value.toFixed(value < 10 ? 1 : 0)}</text>`;
  return [
    `<text x="${left}" y="${top - 10}" font-weight="bold">${title}</text>`,
    `<path d="M${left} ${top}V${base}H${right}" fill="none" stroke="#888"/>`,
    number(0),
    number(most / 1.05),
  ];
}

export function toY({ top, base, most }: Axes, value: number): number {
  return base - (value / most) * (base - top);
}
