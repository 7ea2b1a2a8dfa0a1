import { join } from 'node:path';
import { createApplication } from '../../application.ts';
import { createHttpServer } from '../../mlapi/http/server/server.ts';
import { makeAuthority, startNginx, type Nginx } from './nginx.ts';
import { startService, temporaryFolder, type TestService } from './service.ts';

export interface ProxiedService {
  readonly service: TestService;
  /** The Unix socket of the service, for nginx and for tests. */
  readonly socket: string;
  readonly nginx: Nginx;
  /** The path of the certificate authority's certificate. */
  readonly authority: string;
  close(): Promise<void>;
}

/** A service on a Unix socket, behind a real nginx with the shipped site. */
export async function startProxied(
  variables: Readonly<Record<string, string>> = {},
  edit?: (site: string) => string,
): Promise<ProxiedService> {
  const socket = join(temporaryFolder(), 'mlapi.sock');
  const service = await startService({ MLAPI_SOCKET: socket, ...variables });
  const server = createHttpServer(createApplication(service.services), service.services);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const { authority, ...certificate } = makeAuthority();
  const nginx = await startNginx(socket, certificate, edit);
  return {
    service,
    socket,
    nginx,
    authority,
    close: async () => {
      await nginx.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await service.close();
    },
  };
}
