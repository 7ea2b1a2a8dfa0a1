// latency.mjs SOCKET TOKEN BODY: a thousand predictions over a Unix socket, one after the other; prints milliseconds.
import console from 'node:console';
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

const [socketPath, token, body] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const headers = { host: 'localhost', authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const predict = () =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now();
    request({ agent, socketPath, method: 'POST', path: '/api/ml', headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.resume().once('end', () => resolve(performance.now() - startedAt));
    })
      .once('error', reject)
      .end(body);
  });
for (let at = 0; at < 200; at += 1) await predict();
const times = [];
for (let at = 0; at < 1_000; at += 1) times.push(await predict());
times.sort((a, b) => a - b);
const at = (share) => times[Math.floor(share * times.length)].toFixed(2);
console.log(`p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
agent.destroy();
