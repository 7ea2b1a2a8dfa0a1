import type { Logger } from '../../telemetry/logger.ts';
import type { KeyManager } from './key-manager.ts';

/** Every process knows within a second what another one has made or retired. */
const pauseMs = 500;

/** Looks at the stored keys all the time, so that no request has to. What goes wrong is logged once; the known keys serve on. */
export class KeyWatch {
  readonly #keys: Pick<KeyManager, 'reload' | 'unopened'>;
  readonly #logger: Pick<Logger, 'error' | 'info'>;
  readonly #reported = new Set<string>();
  #isFailing = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  #look = Promise.resolve();

  constructor(keys: Pick<KeyManager, 'reload' | 'unopened'>, logger: Pick<Logger, 'error' | 'info'>) {
    this.#keys = keys;
    this.#logger = logger;
    this.#schedule();
  }

  /** Ends the watch, and waits for a look that goes on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#look;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#look = this.#lookOnce().then(() => {
        if (!this.#isStopped) this.#schedule();
      });
    }, pauseMs).unref();
  }

  async #lookOnce(): Promise<void> {
    try {
      await this.#keys.reload();
      if (this.#isFailing) this.#logger.info('the signing keys can be read again');
      this.#isFailing = false;
    } catch (cause) {
      if (!this.#isFailing) this.#logger.error('the signing keys cannot be read; the known ones serve on', { cause });
      this.#isFailing = true;
    }
    for (const kid of this.#keys.unopened.filter((unopened) => !this.#reported.has(unopened))) {
      this.#reported.add(kid);
      this.#logger.error('a signing key is stored under another passphrase: give the service the new one', { kid });
    }
  }
}
