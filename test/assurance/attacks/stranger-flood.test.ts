import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startCompiled, type TestProcess } from '../../support/child.ts';
import { hasProgram, makeAuthority, siteName, startNginx, type Nginx } from '../../support/nginx.ts';
import { processTree } from '../../support/process-tree.ts';
import { RawConnection } from '../../support/raw-http.ts';
import { temporaryFolder } from '../../support/service.ts';
import { processorTime } from './processor-time.ts';

const canRun = ['nginx', 'openssl'].every((program) => hasProgram(program, 'a flood of long paths through nginx'));
const describeWithNginx = canRun ? describe : describe.skip;
/** The requests per second that nginx allows from one address. */
const requests = 190;

describeWithNginx('190 requests from one address through nginx', () => {
  let service: TestProcess;
  let nginx: Nginx;
  beforeAll(async () => {
    const socket = join(temporaryFolder(), 's');
    service = startCompiled('mlapi/cli/serve.ts', [], {
      variables: { MLAPI_DATA_DIR: temporaryFolder(), MLAPI_SOCKET: socket },
    });
    await service.says(/"listening"/);
    nginx = await startNginx(socket, makeAuthority());
  });
  afterAll(async () => {
    await nginx.close();
    await service.kill('SIGTERM');
  });

  /**
   * @param from a new address, since nginx limits each address
   * @returns milliseconds of processor time that the service used
   */
  async function cost(path: string, from: string): Promise<number> {
    const connection = new RawConnection(() => nginx.connect({ from }));
    const before = processorTime(processTree(service.child.pid!));
    for (let sent = 0; sent < requests; sent += 1) {
      connection.send(`GET ${path} HTTP/1.1\r\nHost: ${siteName}\r\n\r\n`);
      const { answers } = await connection.until(sent + 1);
      expect(answers.at(-1)?.status).toBe(404);
    }
    connection.close();
    return processorTime(processTree(service.child.pid!)) - before;
  }

  test('the longest paths take at most a third of the processor time, and liveness responds', async () => {
    // Lets the code be compiled first.
    await cost('/a', '127.0.0.2');
    // Redaction once took 7.7 ms per path: 1.4 seconds of each second.
    expect(await cost(`/${'a'.repeat(1_990)}.bb`, '127.0.0.3')).toBeLessThan(333);
    expect(await cost(`/${'a'.repeat(1_000)}.${'b'.repeat(1_000)}`, '127.0.0.4')).toBeLessThan(333);
    const alive = await new RawConnection(() => nginx.connect())
      .send(`GET /api/liveness HTTP/1.1\r\nHost: ${siteName}\r\n\r\n`)
      .until(1);
    expect(alive.answers[0]?.status).toBe(200);
  });
});
