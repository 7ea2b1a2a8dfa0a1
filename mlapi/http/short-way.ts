import type { Endpoint } from './endpoint.ts';
import { answerError } from './error-responses.ts';
import type { Check, Exchange } from './exchange.ts';
import type { ShortWay } from './listener.ts';
import { perform, type Authorize } from './perform.ts';

interface ShortRoute {
  readonly endpoint: Endpoint;
  readonly pattern: RegExp;
  readonly names: readonly string[];
}

/**
 * Serves endpoints ahead of Express, whose routing costs more than a small model: through the same checks, in the same order, by
 * the same handlers. What does not match to the letter, such as a trailing slash, is left to Express.
 */
export function createShortWay(
  endpoints: readonly Endpoint[],
  checks: readonly Check[],
  authorize: Authorize,
): ShortWay {
  const groups = new Map<string, ShortRoute[]>();
  for (const endpoint of endpoints) {
    const group = groupOf(endpoint.method, endpoint.path);
    groups.set(group, [...(groups.get(group) ?? []), compile(endpoint)]);
  }
  return (exchange) => {
    const { path } = exchange;
    for (const { endpoint, pattern, names } of groups.get(groupOf(exchange.request.method, path)) ?? []) {
      const found = pattern.exec(path);
      if (found === null) continue;
      const params = Object.fromEntries(names.map((name, index) => [name, found[index + 1]!]));
      void serve(endpoint, exchange, params);
      return true;
    }
    return false;
  };

  async function serve(endpoint: Endpoint, exchange: Exchange, params: Record<string, string>): Promise<void> {
    // Also what a check refuses is counted with its route.
    exchange.route = endpoint.path;
    try {
      for (const check of checks) {
        const passed = check(exchange);
        if (passed !== undefined) await passed;
      }
      await perform(endpoint, exchange, { params, authorize });
    } catch (error) {
      answerError(error, exchange);
    }
  }
}

/** Routes of one method whose paths begin with the same segment: the others need not be tried. No first segment is a parameter. */
function groupOf(method = '', path: string): string {
  const end = path.indexOf('/', 1);
  return `${method} ${end === -1 ? path : path.slice(0, end)}`;
}

function compile(endpoint: Endpoint): ShortRoute {
  const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const source = endpoint.path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '([^/]+)');
  return { endpoint, names, pattern: new RegExp(`^${source}$`) };
}
