import type { AddressInfo } from 'node:net';
import { createHttpServer } from '../../mlapi/http/server/server.ts';
import { listenerOf } from './listener.ts';
import { freePort } from './nginx.ts';
import { startService, type TestService } from './service.ts';

/** A service whose issuer is its own URL, so that libraries can start from its metadata. */
export async function startDiscoverable(): Promise<{
  service: TestService;
  issuer: string;
  close: () => Promise<void>;
}> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const service = await startService({ MLAPI_ISSUER: issuer });
  const server = createHttpServer(listenerOf(service.services), service.services);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: listening } = server.address() as AddressInfo;
  if (listening !== port) throw new Error('another port than the issuer names');
  return {
    service,
    issuer,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await service.close();
    },
  };
}
