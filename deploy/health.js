// Exits with 0 when the service on this machine is ready; where it listens is read from the variables that it reads.
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
