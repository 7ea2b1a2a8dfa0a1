import { get } from 'node:http';
import type { TestProcess } from './child.ts';

/** The metrics of a service, by series: `mlapi_rate_limited_total{limit="per-client"}`. */
export type Series = Readonly<Record<string, number>>;

/** The URL of a service's metrics. */
export async function metricsUrlOf(service: TestProcess): Promise<string> {
  const [, url = ''] = await service.says(/"serving metrics","url":"(http[^"]+)"/);
  return url;
}

/** Reads the metrics once, like Prometheus. */
export async function scrape(url: string): Promise<Series> {
  const { status, type, text } = await read(url);
  if (status !== 200 || !type.startsWith('text/plain; version=0.0.4')) throw new Error(`${status} ${type}`);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

function read(url: string): Promise<{ status: number; type: string; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, timeout: 30_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }),
      );
    }).once('error', reject);
  });
}
