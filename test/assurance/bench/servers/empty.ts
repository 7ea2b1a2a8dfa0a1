import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// What Node itself can do at most: an answer without a body. Nothing is read.
const server = createServer((_request, response) => response.end());
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
