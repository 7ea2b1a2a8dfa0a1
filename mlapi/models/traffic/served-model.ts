import type { Serving } from '../../inference/model-source.ts';
import type { Predictor } from '../../inference/serving/predictor.ts';
import type { SharedVersion } from '../catalog/resolver.ts';
import type { Role } from './counts.ts';
import { ShadowTraffic } from './shadow-traffic.ts';
import type { Traffic } from './traffic.ts';
import { WatchedPredictor } from './watched-predictor.ts';

type AnsweringRole = Exclude<Role, 'shadow'>;

interface Shadowed {
  readonly shadow: SharedVersion;
  readonly serving: Serving;
}

/** Finds a version by its id, loading it if need be. */
type FindServed = (id: string) => Promise<ServedModel>;

/** A model in memory, decorated when it was loaded: each role that it may have is counted apart. */
export class ServedModel {
  readonly predictor: Predictor;
  readonly primary: Serving;
  readonly canary: Serving;
  readonly shadow: Serving;
  readonly #traffic: Traffic;
  /** With the shadow that an alias named last. */
  readonly #shadowed = new Map<AnsweringRole, Shadowed>();

  constructor(predictor: Predictor, traffic: Traffic) {
    const inRole = (role: Role) => new WatchedPredictor(predictor, { tally: traffic.tally(predictor, role) });
    this.predictor = predictor;
    this.primary = inRole('primary');
    this.canary = inRole('canary');
    this.shadow = inRole('shadow');
    this.#traffic = traffic;
  }

  /** The same with a shadow beside it; made again only where it is another one, or gets another share. */
  shadowedBy(shadow: SharedVersion, role: AnsweringRole, find: FindServed): Serving {
    const known = this.#shadowed.get(role);
    if (known?.shadow.id === shadow.id && known.shadow.share === shadow.share) return known.serving;
    const { predictor } = this;
    const { id, version, share } = shadow;
    const shadowTraffic = new ShadowTraffic({
      primary: predictor,
      share,
      find: async () => (await find(id)).shadow,
      counter: this.#traffic.counter({ name: predictor.contract.name, version }, 'shadow'),
      slots: this.#traffic.shadowSlots,
    });
    const serving = new WatchedPredictor(predictor, { tally: this.#traffic.tally(predictor, role), shadowTraffic });
    this.#shadowed.set(role, { shadow, serving });
    return serving;
  }
}
