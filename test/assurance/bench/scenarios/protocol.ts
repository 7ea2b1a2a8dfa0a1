import { encodedQuestion, post, rawQuestion } from '../cases.ts';
import { runContests } from '../compare.ts';
import type { LoadRequest } from '../load/types.ts';
import type { Server } from '../measure.ts';
import type { Section } from '../report.ts';
import { startService } from '../servers.ts';
import type { Bench } from './scenario.ts';

const model = 'nsl-kdd-classifier';
const [few, many] = [1, 32];

/** Are binary tensors under /v2 as fast as rows under /api? The same rows, encoded by the caller or by the service. */
export async function protocol({ home, generator, pace, say }: Bench): Promise<Section> {
  const service = await startService({ home });
  const { tokens } = service;
  const contests = [few, many].map((rows) => {
    const asked = (requests: (token: string, offset: number) => LoadRequest): Server => {
      return { ...service, requests: () => tokens.map((token, index) => requests(token, index % 3)) };
    };
    const servers = new Map([
      [
        '/api predict',
        asked((token, offset) => post(`/api/models/${model}/predict`, rawQuestion(rows, offset), token)),
      ],
      ['/v2 infer', asked((token, offset) => inferBinary(rows, offset, token))],
    ]);
    return { title: `protocol, ${rows} rows`, cell: { rows, connections: 64 }, servers, base: '/api predict' };
  });
  try {
    const results = await runContests(contests, generator, pace, say);
    const notes = [
      'Under /v2: binary tensors both ways, of the output that the contract reads. Of those answers only the status is looked at.',
    ];
    return { title: 'Binary tensors of the Open Inference Protocol', notes, results, facts: [] };
  } finally {
    await service.stop();
  }
}

/** Binary tensors both ways, with the output that the contract uses. */
export function inferBinary(rows: number, offset: number, token: string): LoadRequest {
  const cells = Float32Array.from((JSON.parse(encodedQuestion(rows, offset).body) as number[][]).flat());
  const shape = [rows, cells.length / rows];
  const parameters = { binary_data_size: cells.byteLength };
  const json = JSON.stringify({
    inputs: [{ name: 'features', datatype: 'FP32', shape, parameters }],
    outputs: [{ name: 'probabilities', parameters: { binary_data: true } }],
  });
  const headers = [
    'host: 127.0.0.1',
    `authorization: Bearer ${token}`,
    `inference-header-content-length: ${json.length}`,
    `content-length: ${json.length + cells.byteLength}`,
  ];
  const text = `POST /v2/models/${model}/infer HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${json}`;
  return { text, binary: Buffer.from(cells.buffer).toString('base64'), predictions: null };
}
