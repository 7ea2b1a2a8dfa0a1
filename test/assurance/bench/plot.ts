import { colours, frame, svg, toY, type Axes } from '../../support/svg.ts';
import { shareOf, type Result } from './compare.ts';
import type { Measurement } from './measure.ts';

const [width, panelHeight, left, right, top, bottom] = [900, 220, 60, 150, 35, 25];

const panels: readonly { title: string; figure: keyof Measurement }[] = [
  { title: 'requests/s', figure: 'requestsPerSecond' },
  { title: 'p99', figure: 'p99Ms' },
  { title: 'CPU time per request', figure: 'cpuMicroseconds' },
];

/** Ratios to the base: one panel per figure, one group of bars per load, with lines from minimum to maximum. */
export function plot(results: readonly Result[]): string {
  const names = [...new Set(results.flatMap(({ measurements, base }) => others(measurements, base)))];
  const base = results[0]?.base ?? '';
  const body = panels.map(({ title, figure }, index) => {
    const shares = results.map((result) =>
      others(result.measurements, result.base).map((name) => ({ name, ...shareOf(result, name, result.base, figure) })),
    );
    // A very slow server must not make the other bars invisible.
    const most = Math.min(4, Math.max(1, ...shares.flat().map(({ max }) => max))) * 1.05;
    const [y, end] = [index * panelHeight, width - right];
    const heading = `${title}, as a share of "${base}" (the line)`;
    const axes: Axes = { title: heading, left, right: end, top: y + top, base: y + panelHeight - bottom, most };
    const one = `<path d="M${left} ${toY(axes, 1)}H${end}" stroke="#888" stroke-dasharray="4 3"/>`;
    const groups = shares.map((bars, at) => group(axes, bars, names, at, results));
    return [...frame(axes), one, ...groups].join('\n');
  });
  const legend = names.map(
    (name, index) =>
      `<text x="${width - right + 10}" y="${top + 12 + index * 16}" fill="${colours[index % colours.length]}">${name}</text>`,
  );
  return svg(width, panels.length * panelHeight, [...body, ...legend]);
}

interface Bar {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

function group(
  axes: Axes,
  bars: readonly Bar[],
  names: readonly string[],
  at: number,
  results: readonly Result[],
): string {
  const room = (axes.right - axes.left) / results.length;
  const barWidth = (room * 0.8) / names.length;
  const start = axes.left + at * room + room * 0.1;
  const { rows, connections } = results[at]!.cell;
  const drawn = bars.map(({ name, median, min, max }) => {
    const index = names.indexOf(name);
    const [x, up] = [start + index * barWidth, (value: number) => toY(axes, Math.min(value, axes.most)).toFixed(1)];
    const middle = (x + barWidth / 2).toFixed(1);
    return `<rect x="${x.toFixed(1)}" y="${up(median)}" width="${(barWidth * 0.9).toFixed(1)}" height="${(axes.base - Number(up(median))).toFixed(1)}" fill="${colours[index % colours.length]}"/>
<path d="M${middle} ${up(min)}V${up(max)}" stroke="black"/>`;
  });
  const label = `<text x="${(axes.left + (at + 0.5) * room).toFixed(1)}" y="${axes.base + 16}" text-anchor="middle">${rows} × ${connections}</text>`;
  return [...drawn, label].join('\n');
}

function others(measurements: Result['measurements'], base: string): string[] {
  return Object.keys(measurements).filter((name) => name !== base);
}
