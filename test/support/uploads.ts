import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, type ApiResponse } from './ask.ts';
import type { TestService } from './service.ts';

/** The files of an upload; only the model is required. */
export interface ModelFiles {
  readonly model?: Buffer | undefined;
  /** External data, by file name. */
  readonly data?: Readonly<Record<string, Buffer>>;
  readonly contract?: unknown;
  readonly encoding?: string;
  readonly sample?: unknown;
}

/** Reads the files of a model folder. */
export function filesOf(folder: string): ModelFiles {
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  const contract = JSON.parse(text('model.json')) as Record<string, unknown>;
  return {
    model: readFileSync(join(folder, 'model.onnx')),
    contract,
    ...(contract.encoding !== undefined && { encoding: text('encoding.csv') }),
    ...(contract.sample !== undefined && { sample: JSON.parse(text('sample.json')) as unknown }),
  };
}

/** Uploads a model: an ONNX file alone as its bytes, otherwise as a form. */
export function upload(
  service: Pick<TestService, 'url'>,
  token: string,
  [model, version]: readonly [string, string],
  files: ModelFiles,
): Promise<ApiResponse> {
  const path = `/api/models/${model}/versions/${version}`;
  const { model: bytes, ...others } = files;
  if (Object.keys(others).length === 0 && bytes !== undefined)
    return ask(service, token, ['PUT', path], {
      body: new Uint8Array(bytes),
      headers: { 'content-type': 'application/octet-stream' },
    });
  const form = new FormData();
  const { data = {}, ...parts } = files;
  for (const [name, content] of Object.entries(data)) form.append('data', new Blob([new Uint8Array(content)]), name);
  for (const [name, value] of Object.entries(parts)) {
    const content = Buffer.isBuffer(value)
      ? new Uint8Array(value)
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
    form.append(name, new Blob([content]), name);
  }
  return ask(service, token, ['PUT', path], { body: form });
}
