type State = 'starting' | 'ready' | 'leaving' | 'draining';

const next: Readonly<Record<State, readonly State[]>> = {
  starting: ['ready', 'draining'],
  ready: ['leaving', 'draining'],
  leaving: ['draining'],
  draining: [],
};

/**
 * State of the service: `starting` until the models are warm, `ready`, then `draining` until it stops. `leaving` means that another process
 * has taken over, and this one only finishes.
 */
export class Lifecycle {
  #state: State = 'starting';

  get isReady(): boolean {
    return this.#state === 'ready' || this.#state === 'leaving';
  }

  /** Whether each connection is closed with its next response. */
  get closesConnections(): boolean {
    return this.#state === 'leaving' || this.#state === 'draining';
  }

  /** Moves to a later state; transitions that the table does not list are ignored. */
  enter(state: State): void {
    if (next[this.#state].includes(state)) this.#state = state;
  }
}
