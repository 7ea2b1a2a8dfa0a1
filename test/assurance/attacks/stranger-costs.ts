// npx tsx test/assurance/attacks/stranger-costs.ts [ROUNDS] [REQUESTS] [PART OF A NAME]: what the longest unauthenticated requests cost,
// compared with the shortest of their kind: processor time of a real server process, alternating in rounds. Prints a table.
import { connect, type Socket } from 'node:net';
import { ratiosOf, showSpread, spreadOf } from '../../support/figures.ts';
import { serve } from '../../support/child.ts';
import { processTree } from '../../support/process-tree.ts';
import { temporaryFolder } from '../../support/service.ts';
import { processorTime } from './processor-time.ts';
import { strangerRequests } from './corpus/stranger-requests.ts';

const [rounds = 7, requests = 300] = process.argv.slice(2, 4).map(Number);
const wanted = process.argv[4] ?? '';
const maxTimes = 3;
const connections = 2;

/** The status of the first response in the text, and where it ends; undefined if it is not complete. */
function readResponse(text: string): { status: number; end: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = text.slice(0, headEnd);
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const end = headEnd + 4 + length;
  return text.length < end ? undefined : { status: Number(head.slice(9, 12)), end };
}

/** Sends the same request repeatedly. @returns the statuses */
async function send(port: number, request: string, count: number): Promise<Set<number>> {
  const statuses = new Set<number>();
  const bytes = Buffer.from(request, 'latin1');
  const run = (left: number) =>
    new Promise<void>((resolve, reject) => {
      let open: Socket;
      const begin = () => {
        let text = '';
        open = connect(port, '127.0.0.1').setNoDelay().setEncoding('latin1');
        // A refusal that closes the connection may cross with data still being sent.
        open.on('error', () => undefined);
        open.on('data', (part: unknown) => {
          text += String(part);
          for (let answer = readResponse(text); answer !== undefined; answer = readResponse(text)) {
            statuses.add(answer.status);
            text = text.slice(answer.end);
            left -= 1;
            if (left > 0) open.write(bytes);
            else open.destroy();
          }
        });
        open.on('close', () => {
          if (left === 0) resolve();
          else begin();
        });
        open.write(bytes);
      };
      setTimeout(() => reject(new Error('a minute without an end')), 60_000).unref();
      begin();
    });
  await Promise.all(Array.from({ length: connections }, () => run(Math.ceil(count / connections))));
  return statuses;
}

const alive = setInterval(() => undefined, 1_000);
const limits = {
  MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000',
  MLAPI_WORKERS: '1',
  MLAPI_TRUST_PROXY: 'loopback',
  MLAPI_ISSUER: 'https://mlapi.example.com',
};
const { service, url } = await serve(temporaryFolder(), { variables: { ...limits, NODE_ENV: 'production' } });
const port = Number(new URL(url).port);
const pid = service.child.pid ?? 0;
const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
const pairs = strangerRequests(keys[0]?.kid ?? '').filter(({ name }) => name.includes(wanted));

console.log(
  `node ${process.version}; ${rounds} rounds of ${requests} requests on ${connections} connections; processor time of the service`,
);
console.log(
  '\n| longest request | bytes | status | shortest, µs | longest, µs | times |\n| --- | --: | --- | --: | --: | --- |',
);
const over: string[] = [];
for (const { name, short, long } of pairs) {
  const [shortTimes, longTimes]: [number[], number[]] = [[], []];
  const statuses = new Set<number>();
  for (let round = -1; round < rounds; round += 1) {
    for (const [request, times] of [
      [short, shortTimes],
      [long, longTimes],
    ] as const) {
      const before = processorTime(processTree(pid));
      for (const status of await send(port, request, requests)) if (request === long) statuses.add(status);
      if (round >= 0) times.push(((processorTime(processTree(pid)) - before) * 1_000) / requests);
    }
    // The log is not needed.
    service.stdout = '';
  }
  const times = ratiosOf(longTimes, shortTimes);
  if (times.median > maxTimes) over.push(name);
  const [one, other] = [spreadOf(shortTimes).median, spreadOf(longTimes).median];
  console.log(
    `| ${name} | ${long.length} | ${[...statuses].join(', ')} | ${one.toFixed(0)} | ${other.toFixed(0)} | ${showSpread(times)} |`,
  );
}
console.log(
  over.length === 0
    ? `\nNone costs more than ${maxTimes} times the shortest.`
    : `\nMore than ${maxTimes} times: ${over.join('; ')}`,
);
clearInterval(alive);
await service.kill('SIGTERM');
process.exit(over.length === 0 ? 0 : 1);
