import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Counter } from '../../../mlapi/models/traffic/counter.ts';
import { InputBins } from '../../../mlapi/models/traffic/input-bins.ts';
import { trafficMetrics } from '../../../mlapi/models/traffic/traffic-metrics.ts';
import { createMetrics } from '../../../mlapi/telemetry/metrics/open-metrics.ts';
import { WorkerMetrics } from '../../../mlapi/workers/worker-metrics.ts';

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const dashboard = JSON.parse(readFileSync('deploy/grafana/mlapi.json', 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly query: unknown }[] };
};
const targets = dashboard.panels.flatMap(({ title, targets: list = [] }) =>
  list.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);
const metricName = /\b(?:http|mlapi|nodejs|process)_\w+/g;

/** The labels of every metric of a service, by the names of its Prometheus series. */
const labelsOf = new Map<string, Set<string>>();
const ofSupervisor = new WorkerMetrics();

beforeAll(async () => {
  const metrics = await createMetrics({ metricsPort: 0 });
  const model = { model: 'iris', version: '1' };
  metrics.requestAnswered({ method: 'GET', route: '/', status: 200, seconds: 1 });
  metrics.ran({ ...model, executor: 'inline', requests: 1, rows: 1, queueSeconds: 1, runSeconds: 1, outcome: 'ok' });
  metrics.shed(model);
  const shadow = new Counter({ ...model, role: 'shadow' });
  shadow.compared(1, 1);
  const reference = { size: { edges: [0], shares: [0.5, 0.5] } };
  const contract = { features: [{ name: 'size', type: 'number', missing: 'reject' }], reference } as const;
  const bins = new InputBins(contract);
  for (let row = 0; row < 100; row += 1) bins.observe({ data: Float32Array.of(1), rows: 1, width: 1 }, 0);
  metrics.watch({
    tokenCacheEntries: () => 1,
    modelMemoryBytes: () => [['iris', 1]],
    modelVerdicts: () => [{ model: 'iris', verdict: 'proved', models: 1 }],
    others: () => trafficMetrics([shadow], [{ ...model, contract, bins }]),
  });
  for (const { name, type, values } of await metrics.read()) {
    const labels = values.flatMap((value) => Object.keys(value.labels));
    const series = type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    for (const each of series) labelsOf.set(each, new Set(labels));
  }
  // This metric appears only after a garbage collection, which may not have happened yet.
  labelsOf.set('nodejs_gc_duration_seconds_sum', new Set(['kind']));

  let url = '';
  const logger = {
    info: (_message: string, fields?: object) => (url = (fields as { url: string }).url),
    error: () => undefined,
  };
  await ofSupervisor.outlets.configure({ metricsPort: 0 }, logger);
  const text = await (await fetch(url)).text();
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(\w+)=.*\})? \d+$/gm))
    labelsOf.set(name, new Set([labels]));
});
afterAll(async () => {
  await ofSupervisor.outlets.finish();
});

describe('deploy/grafana/mlapi.json', () => {
  test('every metric that it uses exists', () => {
    const asked = [
      ...targets.map(({ expr }) => expr),
      ...dashboard.templating.list.map(({ query }) => JSON.stringify(query)),
    ];
    const named = asked.flatMap((text) => text.match(metricName) ?? []);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !labelsOf.has(name))).toEqual([]);
  });

  test.each(targets)('$title: the labels used in the query exist: $expr', ({ expr, legendFormat }) => {
    const known = (expr.match(metricName) ?? []).flatMap((name) => [...(labelsOf.get(name) ?? [])]);
    const selected = [...expr.matchAll(/(\w+)=?[=~]"/g)].map(([, label = '']) => label);
    const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
    expect(known.concat('job', 'le')).toEqual(expect.arrayContaining([...selected, ...grouped, ...shown]));
  });

  test('every metric of our own is shown', () => {
    const shown = new Set(targets.flatMap(({ expr }) => expr.match(metricName) ?? []));
    const own = [...labelsOf.keys()].filter((name) => /^(?:http|mlapi)_/.test(name));
    const families = new Set(own.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')));
    const isShown = (family: string) => [...shown].some((name) => name.startsWith(family));
    expect(families.size).toBe(23);
    expect([...families].filter((family) => !isShown(family))).toEqual([]);
  });

  test('no panels overlap, and every panel has queries', () => {
    const charts = dashboard.panels.filter(({ type }) => type !== 'row');
    expect(charts.filter(({ targets: list = [] }) => list.length === 0)).toEqual([]);
    const places = dashboard.panels.map(({ gridPos }) => gridPos);
    const overlaps = places.filter((a, index) =>
      places.some(
        (b, other) => other > index && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h,
      ),
    );
    expect(overlaps).toEqual([]);
  });
});

test('files/operations.md has a table of all metrics of our own, with their labels', () => {
  const section =
    readFileSync('files/operations.md', 'utf8')
      .split(/^## Metrics$/m)[1]
      ?.split(/^## /m)[0] ?? '';
  const written = [...section.matchAll(/^\| `(\w+)` +\| ([^|]*?) +\|/gm)].map(([, name = '', labels = '']) => [
    name,
    labels.replaceAll('`', ''),
  ]);
  const own = [...labelsOf].filter(([name]) => /^(?:http|mlapi)_/.test(name) && !/_(?:bucket|sum)$/.test(name));
  const expected = own.map(([name, labels]) => [
    name.replace(/_count$/, ''),
    [...labels].filter((label) => label !== 'le' && label !== '').join(', '),
  ]);
  expect(written.sort()).toEqual(expected.sort());
});
