import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/*
 * The limit for the service: `node:http`, `JSON.parse`, `session.run`, `JSON.stringify`. It checks nothing and needs encoded rows,
 * so its callers encode the categories. Its argument is the model.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
const session = await InferenceSession.create(process.argv[2] ?? '', { intraOpNumThreads: 1, interOpNumThreads: 1 });
const input = session.inputNames[0]!;
const output = 'probabilities';

async function answer(text: string, response: ServerResponse): Promise<void> {
  const rows = JSON.parse(text) as number[][];
  const width = rows[0]!.length;
  const data = new Float32Array(rows.length * width);
  for (let row = 0, at = 0; row < rows.length; row += 1)
    for (let column = 0; column < width; column += 1, at += 1) data[at] = rows[row]![column]!;
  const outputs = await session.run({ [input]: new Tensor('float32', data, [rows.length, width]) }, [output]);
  const scores = outputs[output]!.data as Float32Array;
  const classes = scores.length / rows.length;
  const predictions = rows.map((_, row) => {
    let best = row * classes;
    for (let index = best + 1; index < (row + 1) * classes; index += 1)
      if (scores[index]! > scores[best]!) best = index;
    return best - row * classes;
  });
  const body = JSON.stringify({ predictions });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    void answer(String(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)), response);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
