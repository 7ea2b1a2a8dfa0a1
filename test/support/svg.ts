export const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];

/** The position of a panel's axes, and the value at the top. */
export interface Axes {
  readonly title: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly base: number;
  readonly most: number;
}

/** An SVG document. */
export function svg(width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
${parts.join('\n')}
</svg>
`;
}

/** The title, both axes, and the limits of the vertical axis. */
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
