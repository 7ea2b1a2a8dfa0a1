import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// The limit of Node itself: an empty response to an unread request.
const server = createServer((_request, response) => response.end());
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
