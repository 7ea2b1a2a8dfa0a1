import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

/**
 * Headers of every response: nothing may be loaded, framed or cached. A page that needs more overrides them. Computed once, because helmet
 * sets the same for every request.
 * @returns names and values in turn
 */
export function securityHeaders(): readonly string[] {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: { maxAge: 63_072_000, includeSubDomains: true },
    referrerPolicy: { policy: 'no-referrer' },
    frameguard: { action: 'deny' },
  })(request, response, (error?: unknown) => {
    if (error !== undefined) throw error as Error;
  });
  return [...Object.entries(response.getHeaders() as Record<string, string>).flat(), 'cache-control', 'no-store'];
}
