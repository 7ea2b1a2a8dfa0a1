import type { RequestListener } from 'node:http';
import type { CoreConfig } from '../../config/core-config.ts';
import { Exchange } from '../exchange.ts';
import { addressReader } from '../request/client-address.ts';
import { checkRequestLine } from '../request/request-line.ts';
import { recordWhenClosed, type Observers } from '../request/request-log.ts';
import { corsOf } from '../response/cors.ts';
import { sendError } from '../response/error-responses.ts';
import type { ErrorShape } from '../response/error-shape.ts';
import { securityHeaders } from '../response/security-headers.ts';

/** Serves an exchange, or leaves it to the application. @returns whether it serves it */
export type FastPath = (exchange: Exchange) => boolean;

export interface ListenerServices extends Observers {
  /** How errors look; without one, they are RFC 9457. */
  readonly errorShapes?: readonly ErrorShape[];
}

/**
 * Runs the first steps of every request, during start-up as well as when ready. Then calls the fast path if it knows the route, otherwise
 * the application.
 */
export function createListener(
  application: RequestListener,
  config: Pick<CoreConfig, 'corsOrigins' | 'trustProxy' | 'socket'>,
  { errorShapes = [], ...observers }: ListenerServices,
  fastPath: FastPath = () => false,
): RequestListener {
  const headers = securityHeaders();
  const addressOf = addressReader(config);
  const cors = corsOf(config.corsOrigins);
  return (request, response) => {
    const exchange = new Exchange(request, response, { address: addressOf(request), headers, errorShapes });
    recordWhenClosed(exchange, observers);
    try {
      checkRequestLine(request);
      if (cors(exchange) || fastPath(exchange)) return;
    } catch (error) {
      sendError(error, exchange);
      return;
    }
    application(request, response);
  };
}
