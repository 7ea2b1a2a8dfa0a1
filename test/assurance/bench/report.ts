import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { figureOf, shareOf, showCell, type Pace, type Result } from './compare.ts';
import { digitsOf, showSpread, type Spread } from '../../support/figures.ts';
import { judge, type Goal } from './goals.ts';
import { plot } from './plot.ts';

/** A figure outside any contest; its name ends with the unit. */
export interface Fact {
  readonly name: string;
  readonly spread: Spread;
}

/** The results of a scenario. */
export interface Section {
  readonly title: string;
  readonly notes: readonly string[];
  readonly results: readonly Result[];
  readonly facts: readonly Fact[];
}

/** A section, with time and conditions, since scenarios may be measured separately. */
interface Measured extends Section {
  readonly at: string;
  readonly pace: Pace;
  readonly machine: string;
}

/** Sections by scenario; earlier sections that are not measured again stay. */
type Book = Record<string, Measured>;

/** Writes bench.json, bench.md and bench.svg to a folder. @returns the goals of all sections */
export function report(sections: Readonly<Record<string, Section>>, pace: Pace, folder: string): Goal[] {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'bench.json');
  const book = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Book) : {};
  const at = new Date().toISOString();
  for (const [name, section] of Object.entries(sections)) book[name] = { ...section, at, pace, machine: machine() };
  const goals = judge(Object.values(book));
  writeFileSync(path, `${JSON.stringify(book, null, 1)}\n`);
  writeFileSync(join(folder, 'bench.svg'), plot(book.matrix?.results ?? Object.values(book)[0]?.results ?? []));
  writeFileSync(join(folder, 'bench.md'), markdown(book, goals));
  return goals;
}

/** The goals, then every section. */
function markdown(book: Book, goals: readonly Goal[]): string {
  const lines = [
    '# Benchmark',
    '',
    'Made by `npm run bench`. Figures are medians over the rounds, with the least and the most; shares are taken round by round.',
    '',
    '| goal | | figure | bound |',
    '| --- | --- | --- | --- |',
    ...goals.map(
      ({ name, isMet, figure, bound }) => `| ${name} | ${isMet ? 'yes' : '**no**'} | ${figure} | ${bound} |`,
    ),
    '',
    '![Shares of the bare server](bench.svg)',
    ...Object.values(book).flatMap(({ title, notes, results, facts, at, pace, machine: where }) => [
      '',
      `## ${title}`,
      '',
      `${at.slice(0, 10)}, ${where}; ${pace.rounds} rounds of ${pace.seconds} s each.`,
      ...notes.map((note) => `\n${note}`),
      ...(facts.length === 0 ? [] : ['', '| figure | |', '| --- | --- |']),
      ...facts.map(({ name, spread }) => `| ${name} | ${showSpread(spread, digitsOf(spread))} |`),
      ...results.flatMap((result) => ['', `${showCell(result.cell)}:`, '', ...table(result)]),
    ]),
    '',
  ];
  return lines.join('\n');
}

/** A contest as a Markdown table, also for the terminal. */
export function table(result: Result): string[] {
  const { measurements, base } = result;
  const rows = Object.keys(measurements).map((name) => {
    const of = (figure: Parameters<typeof figureOf>[2], digits: number) =>
      figureOf(result, name, figure).median.toFixed(digits);
    const supervisor = Number(of('supervisorRssMib', 0));
    return [
      name,
      showSpread(figureOf(result, name, 'requestsPerSecond'), 0),
      of('rowsPerSecond', 0),
      showSpread(shareOf(result, name, base, 'requestsPerSecond')),
      of('p50Ms', 2),
      of('p99Ms', 2),
      showSpread(shareOf(result, name, base, 'p99Ms')),
      of('cpuMicroseconds', 1) + (supervisor > 0 ? ` + ${of('supervisorCpuMicroseconds', 1)}` : ''),
      of('rssMib', 0) + (supervisor > 0 ? ` + ${supervisor}` : ''),
      of('generatorShare', 2),
    ];
  });
  const heads = [
    'server',
    'requests/s',
    'rows/s',
    `× ${base}`,
    'p50 ms',
    'p99 ms',
    `p99 × ${base}`,
    'CPU µs/request',
    'memory MiB',
    'generator, cores',
  ];
  const widths = heads.map((head, index) => Math.max(head.length, ...rows.map((row) => row[index]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index]!)).join(' | ')} |`;
  return [line(heads), line(widths.map((length) => '-'.repeat(length))), ...rows.map(line)];
}

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 1_073_741_824);
  return `${availableParallelism()} cores of ${model}, ${memory} GiB, ${type()} ${release()}, Node ${process.versions.node}`;
}
