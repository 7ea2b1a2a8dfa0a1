import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';

/**
 * Nothing may be loaded, framed or cached by default: this is an API. A page that needs more says so in its own answer. What
 * helmet sets is the same for every request, so it is asked once.
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
