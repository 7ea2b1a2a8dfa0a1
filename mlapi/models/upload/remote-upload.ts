import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files of an upload that has only a contract, because the model is on another server. */
export const noFile = { files: [] };

/** Whether a folder's contract may name a remote model. A child process parses it later. */
export async function mayBeRemote(folder: string): Promise<boolean> {
  const contract = await readFile(join(folder, 'model.json')).catch(() => undefined);
  return contract?.includes('"remote"') ?? false;
}
