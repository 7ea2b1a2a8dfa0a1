type State = 'starting' | 'ready' | 'leaving' | 'draining';

const next: Readonly<Record<State, readonly State[]>> = {
  starting: ['ready', 'draining'],
  ready: ['leaving', 'draining'],
  leaving: ['draining'],
  draining: [],
};

/**
 * Whether the service can serve: starting until the models are warm, ready, then draining until it stops; or leaving, where another
 * process has taken over and this one only finishes.
 */
export class Lifecycle {
  #state: State = 'starting';

  get isReady(): boolean {
    return this.#state === 'ready' || this.#state === 'leaving';
  }

  /** Whether each connection ends with its next answer. */
  get closesConnections(): boolean {
    return this.#state === 'leaving' || this.#state === 'draining';
  }

  /** Moves on; a state is never gone back to. */
  enter(state: State): void {
    if (next[this.#state].includes(state)) this.#state = state;
  }
}
