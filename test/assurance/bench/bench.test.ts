import { readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { compileProject } from '../../support/compiled.ts';
import { temporaryFolder } from '../../support/service.ts';
import { encodedQuestion, post } from './cases.ts';
import { ratiosOf, spreadOf } from '../../support/figures.ts';
import { judge } from './goals.ts';
import { Generator, type Measurement } from './measure.ts';
import { profile } from './profile.ts';
import { report, type Section } from './report.ts';
import { batching } from './scenarios/batching.ts';
import { matrix } from './scenarios/matrix.ts';
import { slow } from './scenarios/slow.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { readProfile } from './stages.ts';

// The full benchmark with its figures: npm run bench

const pace = { rounds: 1, seconds: 0.5, warmUpSeconds: 0.3 };
let home: string;
beforeAll(() => {
  home = compileProject(temporaryFolder(), 'test/assurance/bench/tsconfig.build.json');
}, 120_000);

describe('a short benchmark', () => {
  let section: Section;
  beforeAll(async () => {
    const cells = [
      { rows: 1, connections: 4 },
      { rows: 1_000, connections: 2 },
    ];
    const names = ['empty', 'bare', 'mlapi'];
    section = await matrix({ home, generator: new Generator(home), pace, cells, names, say: () => undefined });
  }, 120_000);

  test('every server was measured under every load, and all its responses were correct', () => {
    const measured = section.results.map(({ title, measurements }) => [title, Object.keys(measurements)]);
    expect(measured).toEqual([
      ['matrix 1x4', ['empty', 'bare', 'mlapi']],
      ['matrix 1000x2', ['bare', 'mlapi']],
    ]);
    for (const { measurements } of section.results)
      for (const [one] of Object.values(measurements)) {
        const { requestsPerSecond, p50Ms, p99Ms, rssMib, generatorShare } = one!;
        for (const figure of [requestsPerSecond, p50Ms, rssMib, generatorShare]) expect(figure).toBeGreaterThan(0);
        expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
      }
  });

  test('the supervisor is listed beside the worker, and every request is in the log', () => {
    const [{ supervisorRssMib, requestsPerSecond } = { supervisorRssMib: 0, requestsPerSecond: 0 }] =
      section.results[0]!.measurements.mlapi!;
    expect(supervisorRssMib).toBeGreaterThan(0);
    const lines = Number(/(\d+) lines in this run/.exec(section.notes.join('\n'))?.[1]);
    expect(lines).toBeGreaterThan(requestsPerSecond * pace.seconds);
  });

  test('the report has figures, goals and a plot, and keeps earlier measurements', () => {
    const folder = temporaryFolder();
    report({ matrix: section }, pace, folder);
    const facts = [{ name: 'start to ready, ms', spread: spreadOf([1_500]) }];
    const goals = report({ start: { title: 'Start', notes: [], results: [], facts } }, pace, folder);
    expect(goals).toEqual([
      { name: 'start to ready, ms', isMet: false, figure: '1500.00 (1500.00 to 1500.00)', bound: 'at most 1000' },
    ]);
    const text = readFileSync(join(folder, 'bench.md'), 'utf8');
    expect(text).toMatch(/^\| bare +\| \d+ \(/m);
    expect(text).toContain('| start to ready, ms | **no** |');
    expect(readFileSync(join(folder, 'bench.svg'), 'utf8').match(/<rect/g)!.length).toBeGreaterThan(6);
  });
});

/** Runs a scenario that has its own loads and servers. */
async function measure(scenario: Scenario): Promise<Section> {
  return scenario({ home, generator: new Generator(home), pace, cells: [], names: [], say: () => undefined });
}

test('other requests are measured beside a saturated model, and so are its refusals', async () => {
  const section = await measure(slow);
  const measured = section.results.map(({ measurements }) => Object.entries(measurements)).flat();
  expect(measured.map(([name]) => name)).toEqual([
    'predictions, unloaded',
    'predictions, saturated',
    'liveness, unloaded',
    'liveness, saturated',
  ]);
  // Each connection sends at most one request per 50 ms.
  for (const [, [one]] of measured) expect(one!.requestsPerSecond).toBeLessThan(450);
  const refused = /(\d+) ended at their deadline \(504\), and (\d+) were refused/.exec(section.notes.join('\n'))!;
  for (const count of refused.slice(1)) expect(Number(count)).toBeGreaterThan(0);
  expect(judge([section]).map(({ name }) => name)).toEqual([
    'a model beside a saturated one: predictions, saturated / predictions, unloaded, p99',
    'liveness p99 beside a saturated model, ms',
    'answers past their deadline, at most, ms',
    'memory after, as a share of before',
  ]);
}, 120_000);

test('the same model is measured with and without batching, and all responses are correct', async () => {
  const section = await measure(batching);
  expect(Object.keys(section.results[0]!.measurements)).toEqual(['no batching', 'batching']);
  expect(judge([section]).map(({ name }) => name)).toEqual([
    'batching: batching / no batching, requests/s',
    'its p99: batching / no batching, p99',
  ]);
}, 120_000);

test('a profile shows the cost of guard, model and response', async () => {
  const text = await profile({ rows: 1, connections: 8 }, 0.5, home);
  const microseconds = (stage: string) => Number(new RegExp(`^\\| ${stage} \\| ([\\d.]+) \\|`, 'm').exec(text)?.[1]);
  for (const stage of ['run', 'log', 'HTTP and sockets \\(Node\\)']) expect(microseconds(stage)).toBeGreaterThan(0);
}, 60_000);

test('medians decide whether a goal is met', () => {
  const measured = (...all: number[]) => all.map((requestsPerSecond) => ({ requestsPerSecond }) as Measurement);
  const workers = (two: number[]): Section => {
    const measurements = { '1 worker': measured(100, 100, 100), '2 workers': measured(...two) };
    const result = { title: 'workers', cell: { rows: 1, connections: 64 }, base: '1 worker', measurements };
    return { title: 'Two workers', notes: [], results: [result], facts: [] };
  };
  expect(judge([workers([120, 161, 190])])).toEqual([
    {
      name: 'two workers: 2 workers / 1 worker, requests/s',
      isMet: true,
      figure: '1.61 (1.20 to 1.90)',
      bound: 'at least 1.6',
    },
  ]);
  expect(judge([workers([120, 159, 190])])[0]?.isMet).toBe(false);
});

describe('the load generator', () => {
  const question = encodedQuestion(1, 0);
  const right = JSON.stringify({ predictions: question.predictions });
  const measure = async (listener: RequestListener) => {
    const server: HttpServer = createServer(listener).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const requests = () => [post('/', question)];
    const measured = { port, pids: { serving: [process.pid] }, requests, stop: () => Promise.resolve() };
    const load = { rows: 1, connections: 2 };
    return new Generator(home).measure(measured, load, { warmUpSeconds: 0.1, seconds: 0.3 }).finally(() => {
      server.close();
    });
  };

  test('counts a response in several packets as one, and reconnects after a close', async () => {
    let answers = 0;
    const { requestsPerSecond } = await measure((_request, response) => {
      answers += 1;
      if (answers % 5 === 0) response.setHeader('connection', 'close');
      response.setHeader('content-length', right.length);
      response.flushHeaders();
      setImmediate(() => {
        response.write(right.slice(0, 5));
        setImmediate(() => response.end(right.slice(5)));
      });
    });
    expect(requestsPerSecond).toBeGreaterThan(10);
    expect(requestsPerSecond * 0.3).toBeLessThanOrEqual(answers);
  });

  test.each<[string, RegExp, RequestListener]>([
    [
      'a wrong status',
      /HTTP\/1.1 429/,
      (_request, response) => response.writeHead(429, { 'content-length': right.length }).end(right),
    ],
    ['a wrong prediction', /a wrong answer/, (_request, response) => response.end('{"predictions":[4]}')],
    ['an answer in chunks', /how long/, (_request, response) => void response.write(right)],
    ['a torn connection', /without an answer/, ({ socket }) => socket.destroy()],
    ['no answer', /0 right answers/, () => undefined],
  ])('rejects a measurement with %s', async (_what, message, listener) => {
    await expect(measure(listener)).rejects.toThrow(message);
  });

  test('rejects a later response of another length', async () => {
    let answers = 0;
    const more = (_request: unknown, response: Parameters<RequestListener>[1]) => {
      answers += 1;
      response.end(answers > 8 ? `${right} ` : right);
    };
    await expect(measure(more)).rejects.toThrow(/a body of/);
  });
});

test('ratios are computed per round', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(ratiosOf([10, 40, 90], [10, 20, 30])).toEqual({ median: 2, min: 1, max: 3 });
  expect(() => spreadOf([])).toThrow('no figures');
});

test('time is attributed to the stage of the frame, or of its nearest caller that has one', () => {
  const frame = (id: number, functionName: string, url: string, children: number[] = []) => {
    return { id, callFrame: { functionName, scriptId: '0', url, lineNumber: 0, columnNumber: 0 }, children };
  };
  const profile: Profiler.Profile = {
    nodes: [
      frame(1, '(root)', '', [2, 5, 6]),
      frame(2, 'parserOnHeadersComplete', 'node:_http_common', [3]),
      frame(3, 'verifyAccess', 'file:///home/build/mlapi/auth/tokens/token-service.js', [4]),
      frame(4, 'verify', 'node:internal/crypto/sig'),
      frame(5, '(idle)', ''),
      frame(6, 'run', 'file:///home/node_modules/onnxruntime-node/dist/backend.js', [7]),
      frame(7, 'runNative', ''),
    ],
    startTime: 0,
    endTime: 100,
    samples: [2, 3, 4, 5, 7, 7],
    timeDeltas: [0, 10, 20, 30, 15, 4, 1],
  };
  const { stages, functions } = readProfile(profile);
  expect(functions.map(({ name }) => name)).toEqual([
    'verify node:internal/crypto/sig:1',
    'verifyAccess mlapi/auth/tokens/token-service.js:1',
    '(idle)',
    'parserOnHeadersComplete node:_http_common:1',
    'native code under run node_modules/onnxruntime-node/dist/backend.js:1',
  ]);
  expect(stages).toEqual([
    { stage: 'guard (tokens)', microseconds: 50 },
    { stage: 'idle', microseconds: 15 },
    { stage: 'HTTP and sockets (Node)', microseconds: 10 },
    { stage: 'run', microseconds: 5 },
  ]);
});
