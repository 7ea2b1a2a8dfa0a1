type State = 'starting' | 'ready' | 'draining';

const next: Readonly<Record<State, readonly State[]>> = {
  starting: ['ready', 'draining'],
  ready: ['draining'],
  draining: [],
};

/** Whether the service can serve: starting until the models are warm, ready, then draining until it stops. */
export class Lifecycle {
  #state: State = 'starting';

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  get isDraining(): boolean {
    return this.#state === 'draining';
  }

  /** Moves on; a state is never gone back to. */
  enter(state: State): void {
    if (next[this.#state].includes(state)) this.#state = state;
  }
}
