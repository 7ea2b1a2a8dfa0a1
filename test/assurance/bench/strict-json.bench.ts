import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { parseStrictJson } from '../../../mlapi/http/body/strict-json.ts';
import { startService } from '../../support/service.ts';

// The cost of the checks for duplicate names and depth, as a share of the server's processor time for one prediction. The client is a
// separate process. Run: npx tsx test/assurance/bench/strict-json.bench.ts

const rounds = 15;
const requestsPerRound = 1_500;

/** The order for the client. */
interface Order {
  readonly port: number;
  readonly token: string;
  readonly body: string;
}

/** Microseconds per call. */
function measure(work: () => unknown): number {
  const calls = 20_000;
  const startedAt = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) work();
  const { user, system } = process.cpuUsage(startedAt);
  return (user + system) / calls;
}

const quantile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.round((values.length - 1) * share)] ?? NaN;
const spread = (values: readonly number[], digits: number, unit: string) =>
  `${quantile(values, 0.5).toFixed(digits)}${unit} (${quantile(values, 0.1).toFixed(digits)} to ${quantile(values, 0.9).toFixed(digits)})`;

async function serve(): Promise<void> {
  const service = await startService({ MLAPI_LOG_LEVEL: 'error' });
  const { tokens } = await service.newClient();
  const client = fork(process.argv[1] ?? '', ['client']);
  const { sample } = service.services.predictors.default().contract;

  for (const [name, value] of Object.entries({
    'named row': sample,
    'positional row': [Object.values(sample)],
  })) {
    const body = JSON.stringify(value);
    const bytes = Buffer.from(body);
    const strict: number[] = [];
    const plain: number[] = [];
    const whole: number[] = [];
    for (let round = -3; round < rounds; round += 1) {
      const checked = measure(() => parseStrictJson(bytes));
      const unchecked = measure(() => JSON.parse(bytes.toString()) as unknown);
      const startedAt = process.cpuUsage();
      client.send({ port: service.port, token: tokens.access_token, body } satisfies Order);
      await once(client, 'message');
      const { user, system } = process.cpuUsage(startedAt);
      // The first rounds warm up.
      if (round < 0) continue;
      strict.push(checked);
      plain.push(unchecked);
      whole.push((user + system) / requestsPerRound);
    }
    const ratios = strict.map((one, at) => one / (plain[at] ?? NaN));
    const shares = strict.map((one, at) => (100 * (one - (plain[at] ?? NaN))) / (whole[at] ?? NaN));
    process.stdout.write(
      [
        `${name}, ${bytes.length} bytes: median (10 % to 90 % of ${rounds} rounds)`,
        `  JSON.parse                  ${spread(plain, 2, ' us')}`,
        `  JSON.parse and the checks   ${spread(strict, 2, ' us')}`,
        `  ratio                       ${spread(ratios, 2, '')}`,
        `  a prediction over HTTP      ${spread(whole, 0, ' us')}`,
        `  the checks' share of it     ${spread(shares, 1, ' %')}`,
        '',
      ].join('\n'),
    );
  }
  client.disconnect();
  await service.close();
}

/** Sends the requests one after the other, so that none waits for another. */
function obey(): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  process.on('message', (order: Order) => {
    const headers = { authorization: `Bearer ${order.token}`, 'content-type': 'application/json' };
    const predict = (left: number) => {
      if (left === 0) {
        process.send?.('done');
        return;
      }
      request({ agent, headers, port: order.port, path: '/api/ml', method: 'POST' }, (response) => {
        if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
        response.resume().once('end', () => predict(left - 1));
      }).end(order.body);
    };
    predict(requestsPerRound);
  });
}

if (process.argv[2] === 'client') obey();
else await serve();
