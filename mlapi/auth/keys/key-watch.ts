import { Schedule } from '../../maintenance/schedule.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { KeyManager } from './key-manager.ts';

/** Every process learns of created and retired keys within a second. */
const everyMs = 500;

/** Reloads the stored keys every half second, so that no request has to. Failures are logged once; the known keys stay in use. */
export class KeyWatch {
  readonly #keys: Pick<KeyManager, 'reload' | 'unopened'>;
  readonly #logger: Pick<Logger, 'error' | 'info'>;
  readonly #reported = new Set<string>();
  #isFailing = false;
  readonly #schedule: Schedule;

  constructor(keys: Pick<KeyManager, 'reload' | 'unopened'>, logger: Pick<Logger, 'error' | 'info'>) {
    this.#keys = keys;
    this.#logger = logger;
    this.#schedule = new Schedule(() => this.#look(), {
      everyMs,
      logger,
      failure: 'the watch over signing keys failed',
    });
  }

  /** Stops the watch and waits for a running reload. */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }

  async #look(): Promise<void> {
    try {
      await this.#keys.reload();
      if (this.#isFailing) this.#logger.info('signing keys can be read again');
      this.#isFailing = false;
    } catch (cause) {
      if (!this.#isFailing) this.#logger.error('signing keys cannot be read; the loaded keys stay in use', { cause });
      this.#isFailing = true;
    }
    for (const kid of this.#keys.unopened.filter((unopened) => !this.#reported.has(unopened))) {
      this.#reported.add(kid);
      this.#logger.error(
        'a signing key was encrypted with another passphrase; configure the new passphrase and restart',
        { kid },
      );
    }
  }
}
