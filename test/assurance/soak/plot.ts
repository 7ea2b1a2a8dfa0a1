import { colours, frame, svg, toY, type Axes } from '../../support/svg.ts';
import type { Sample } from './sampler.ts';

interface Line {
  readonly name: string;
  readonly values: readonly number[];
}

const [width, panelHeight, left, right, top, bottom] = [900, 190, 70, 150, 30, 25];

/** The run as an SVG: panels below each other, time from left to right. */
export function plot(samples: readonly Sample[]): string {
  const minutes = samples.map(({ atSeconds }) => atSeconds / 60);
  const pids = [...new Set(samples.flatMap(({ processes }) => processes.map(({ pid }) => pid)))];
  const perProcess = (value: 'rssMb' | 'fds') =>
    pids.map((pid, index) => ({
      name: index === 0 ? 'supervisor' : `worker ${index}`,
      values: samples.map(({ processes }) => processes.find((one) => one.pid === pid)?.[value] ?? NaN),
    }));
  const of = (name: string, value: (sample: Sample, index: number) => number) => ({ name, values: samples.map(value) });
  const rate = (value: (sample: Sample) => number) => (sample: Sample, index: number) =>
    index === 0 ? NaN : value(sample) / (sample.atSeconds - samples[index - 1]!.atSeconds);
  const panels: [string, Line[]][] = [
    ['memory, MiB', perProcess('rssMb')],
    ['file descriptors', perProcess('fds')],
    [
      'latency, ms',
      [
        of('good p50', ({ goodP50Ms }) => goodP50Ms),
        of('good p99', ({ goodP99Ms }) => goodP99Ms),
        of('liveness p99', ({ livenessP99Ms }) => livenessP99Ms),
      ],
    ],
    [
      'a second',
      [
        of(
          'good requests',
          rate(({ good }) => good),
        ),
        of(
          'hostile requests',
          rate(({ hostile }) => hostile),
        ),
        of('log, KiB', (sample, index) =>
          index === 0 ? NaN : rate(({ logBytes }) => (logBytes - samples[index - 1]!.logBytes) / 1_024)(sample, index),
        ),
      ],
    ],
  ];
  const body = panels.map(([title, lines], index) => panel(title, lines, minutes, index * panelHeight));
  const height = panels.length * panelHeight + 20;
  const scale = `<text x="${left}" y="${height - 6}">minutes, 0 to ${(minutes.at(-1) ?? 0).toFixed(1)}</text>`;
  return svg(width, height, [...body, scale]);
}

function panel(title: string, lines: readonly Line[], minutes: readonly number[], y: number): string {
  const values = lines.flatMap((line) => line.values).filter(Number.isFinite);
  const most = Math.max(1, ...values) * 1.05;
  const longest = Math.max(...minutes, 1 / 60);
  const axes: Axes = { title, left, right: width - right, top: y + top, base: y + panelHeight - bottom, most };
  const toX = (minute: number) => left + (minute / longest) * (width - left - right);
  const drawn = lines.map(({ name, values: points }, index) => {
    const colour = colours[index % colours.length];
    const path = points
      .map((value, at) => [toX(minutes[at]!), toY(axes, value)] as const)
      .filter(([, height]) => Number.isFinite(height))
      .map(([x, height]) => `${x.toFixed(1)},${height.toFixed(1)}`);
    const label = `<text x="${width - right + 10}" y="${y + top + 12 + index * 16}" fill="${colour}">${name}</text>`;
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${path.join(' ')}"/>\n${label}`;
  });
  return [...frame(axes), ...drawn].join('\n');
}
