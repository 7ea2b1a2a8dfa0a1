// Does the time of a refused reset reveal whether a name exists? npx tsx test/assurance/bench/login-timing.bench.ts [samples]
import { exchange } from '../../support/raw-http.ts';
import { startWatched } from '../../support/watched.ts';

// The child process does not keep this process running.
const alive = setInterval(() => undefined, 1_000);
const samples = Number(process.argv[2] ?? 500);
const watched = await startWatched();
const { clients } = watched.inside.services;
await clients.add('known-client');
const disabledPassword = await clients.add('disabled-client');
await clients.disable('disabled-client');
const spent = await watched.inside.newClient('spent-client');

const kinds = {
  unknown: ['absent-client', 'a wrong password, of 32 letters'],
  wrong: ['known-client', 'a wrong password, of 32 letters'],
  disabled: ['disabled-client', disabledPassword],
  spent: [spent.name, spent.password],
} as const;
type Kind = keyof typeof kinds;
const times: Record<Kind, number[]> = { unknown: [], wrong: [], disabled: [], spent: [] };

for (let round = 0; round < samples + 10; round += 1) {
  // In random order each time, so that other load on the machine affects all alike.
  const order = (Object.keys(kinds) as Kind[]).sort(() => Math.random() - 0.5);
  for (const kind of order) {
    const body = new URLSearchParams({ username: kinds[kind][0], password: kinds[kind][1] }).toString();
    const head = `POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`;
    const startedAt = performance.now();
    const { answers } = await exchange(watched.port, head + body, { answers: 1 });
    const took = performance.now() - startedAt;
    if (answers[0]?.status !== 401) throw new Error(`${kind}: ${answers[0]?.status}`);
    if (round >= 10) times[kind].push(took);
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Two-sided p of the Mann-Whitney test, by its normal approximation. */
function mannWhitney(first: readonly number[], second: readonly number[]): number {
  const all = [
    ...first.map((value) => ({ value, isFirst: true })),
    ...second.map((value) => ({ value, isFirst: false })),
  ];
  all.sort((a, b) => a.value - b.value);
  const rankSum = all.reduce((sum, { isFirst }, index) => sum + (isFirst ? index + 1 : 0), 0);
  const [n, m] = [first.length, second.length];
  const u = rankSum - (n * (n + 1)) / 2;
  const z = Math.abs(u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
  // Abramowitz and Stegun 7.1.26.
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return poly * Math.exp(-x * x);
}

console.log(`${samples} samples of each, node ${process.version}`);
for (const kind of Object.keys(kinds) as Kind[]) {
  const difference = median(times[kind]) - median(times.unknown);
  const compared =
    kind === 'unknown'
      ? ''
      : `, ${difference.toFixed(2)} ms from unknown, p = ${mannWhitney(times[kind], times.unknown).toFixed(3)}`;
  console.log(`${kind.padEnd(9)} median ${median(times[kind]).toFixed(2)} ms${compared}`);
}
clearInterval(alive);
await watched.close();
process.exit(0);
