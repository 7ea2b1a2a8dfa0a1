// npx tsx test/assurance/attacks/slowhttptest.ts [SECONDS] [CONNECTIONS]: slow headers, bodies and reading by slowhttptest, against Node
// alone and behind nginx, while /api/liveness is requested on new connections. Prints a table.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { serve, startCompiled } from '../../support/child.ts';
import { hasProgram, makeAuthority, siteName, startNginx } from '../../support/nginx.ts';
import { temporaryFolder } from '../../support/service.ts';

const [seconds = 20, connections = 300] = process.argv.slice(2).map(Number);
const limitMs = 100;
const probeEveryMs = 50;
// Not the attackers' address, since nginx counts per address.
const proberAddress = '127.0.0.2';

if (!hasProgram('slowhttptest', 'slow clients') || !hasProgram('nginx', 'slow clients')) process.exit(1);

const attacks: Readonly<Record<string, readonly string[]>> = {
  none: [],
  'slow headers': ['-H', '-i', '2', '-x', '24'],
  'slow body': ['-B', '-i', '2', '-s', '8192', '-x', '10', '-t', 'POST'],
  'slow reading': ['-X', '-w', '1', '-y', '8', '-n', '5', '-z', '8', '-k', '10'],
};

/** A request on a new connection. @returns milliseconds, or undefined if the response was not 200 */
function probe(url: string): Promise<number | undefined> {
  const get = url.startsWith('https:') ? getHttps : getHttp;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    get(
      `${url}/api/liveness`,
      { agent: false, localAddress: proberAddress, family: 4, timeout: 5_000, rejectUnauthorized: false },
      (response) => {
        response.resume().once('end', () => {
          resolve(response.statusCode === 200 ? performance.now() - startedAt : undefined);
        });
      },
    )
      .once('timeout', function (this: { destroy(): void }) {
        this.destroy();
      })
      .once('error', () => resolve(undefined));
  });
}

interface Result {
  readonly times: readonly number[];
  readonly failures: number;
  /** The maximum of open connections, according to slowhttptest. */
  readonly open: number;
}

async function attack(options: readonly string[], url: string, path: string): Promise<Result> {
  const common = ['-c', String(connections), '-r', '200', '-l', String(seconds), '-p', '3', '-u', `${url}${path}`];
  const words = options.length === 0 ? ['sleep', String(seconds)] : ['slowhttptest', ...options, ...common];
  const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => (output += text));
  const ended = once(child, 'exit').then(() => true);
  const times: number[] = [];
  let failures = 0;
  while (!(await Promise.race([ended, delay(probeEveryMs, false)]))) {
    const time = await probe(url);
    if (time === undefined) failures += 1;
    else times.push(time);
  }
  // Without terminal colours.
  const said = stripVTControlCharacters(output);
  const open = Math.max(0, ...[...said.matchAll(/connected: +(\d+)/g)].map(([, count]) => Number(count)));
  return { times: times.sort((a, b) => a - b), failures, open };
}

const at = (times: readonly number[], share: number) =>
  (times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN).toFixed(1);

// Child processes do not keep this process running.
const untilTheEnd = setInterval(() => undefined, 1_000);
const node = await serve(temporaryFolder(), { variables: { MLAPI_DOCS: 'true' } });
const socket = join(temporaryFolder(), 's');
const behind = startCompiled('mlapi/cli/serve.ts', [], {
  variables: { MLAPI_DATA_DIR: temporaryFolder(), MLAPI_SOCKET: socket, MLAPI_DOCS: 'true' },
});
await behind.says(/"listening"/);
const authority = makeAuthority();
const nginx = await startNginx(socket, authority, (site) =>
  site
    .replaceAll(`server_name ${siteName};`, `server_name ${siteName} localhost;`)
    // slowhttptest sends no server name in its handshake, and uses the first address of "localhost".
    .replace(/listen 127\.0\.0\.1:(\d+) ssl http2( default_server)?;/g, (_line, port: string, isDefault?: string) => {
      const rest = isDefault === undefined ? 'ssl http2 default_server' : 'ssl http2';
      return `listen 127.0.0.1:${port} ${rest}; listen [::1]:${port} ${rest};`;
    }),
);

let isSlow = false;
console.log(
  `${connections} connections for ${seconds} s; a request for /api/liveness every ${probeEveryMs} ms, each on a new connection.`,
);
console.log(
  '\n| attack | target | most open | answers | failures | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|---|---|---|',
);
for (const [name, options] of Object.entries(attacks)) {
  for (const [target, url] of [
    ['Node', node.url],
    ['Nginx', `https://localhost:${nginx.httpsPort}`],
  ] as const) {
    const path = { 'slow body': '/auth/reset', 'slow reading': '/api/openapi.json' }[name] ?? '/';
    const { times, failures, open } = await attack(options, url, path);
    const max = at(times, 1);
    isSlow ||= failures > 0 || !(Number(max) < limitMs);
    console.log(
      `| ${name} | ${target} | ${open} | ${times.length} | ${failures} | ${at(times, 0.5)} | ${at(times, 0.99)} | ${max} |`,
    );
  }
}
const load = loadavg().map((value) => value.toFixed(1));
console.log(
  `\nLoad average ${load.join(', ')} on ${availableParallelism()} cores, attackers, prober and other work included.`,
);
console.log(
  isSlow ? `FAILED: an answer took ${limitMs} ms or more, or there was none` : `Every answer within ${limitMs} ms.`,
);
clearInterval(untilTheEnd);
await nginx.close();
await Promise.all([node.service.kill('SIGTERM'), behind.kill('SIGTERM')]);
process.exit(isSlow ? 1 : 0);
