// Exits with 0 if the service on this machine is ready, at the address from the service's own variables.
import { get } from 'node:http';

const { MLAPI_SOCKET: socketPath, MLAPI_PORT: port = '8080' } = process.env;
const where = socketPath ? { socketPath } : { host: '127.0.0.1', port };
const request = get(
  { ...where, path: '/api/readiness', headers: { host: 'localhost' }, timeout: 2_000 },
  (response) => {
    process.exit(response.statusCode === 200 ? 0 : 1);
  },
);
request.on('timeout', () => request.destroy(new Error('no answer within 2 s')));
request.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
