import { ConfigError } from '../../mlapi/config/read-variables.ts';
import { readConfig } from '../../mlapi/configuration.ts';
import { temporaryFolder } from '../support/service.ts';

/** Names the mistakes of an environment; none means that it is taken. */
export function mistakes(environment: Record<string, string>, root = temporaryFolder()): readonly string[] {
  try {
    readConfig(environment, root);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}
