/** One model that is in memory, or on its way into it. */
export interface Holder {
  /** The client whose model it is; empty for operators. */
  readonly owner: string;
  readonly bytes: number;
  /** By `performance.now()`. */
  readonly usedMs: number;
  /** Whether requests of it are being computed. */
  readonly isBusy: boolean;
}

/** A model used since then leaves only for the sake of a poorer owner: otherwise models would take turns, and none would serve. */
const leastIdleMs = 1_000;

/**
 * The model that leaves so that another may come. The owners furthest above an equal share come first, and of each the model used the
 * longest ago. One in use leaves where its owner is above the share and the newcomer's is not, or keeps as much as the newcomer's gets.
 * @param holders all but the newcomer, as far as they can leave
 * @param all also those that cannot, and the newcomer
 * @returns undefined where the newcomer has to wait
 */
export function chooseLeaver<T extends Holder>(
  holders: readonly T[],
  newcomer: Pick<Holder, 'owner'>,
  { all, totalBytes, nowMs }: { all: readonly Holder[]; totalBytes: number; nowMs: number },
): T | undefined {
  const used = usageOf(all);
  const share = totalBytes / used.size;
  const bytesOf = ({ owner }: Pick<Holder, 'owner'>) => used.get(owner) ?? 0;
  const excessOf = (holder: Holder) => Math.max(0, bytesOf(holder) - share);
  const mine = bytesOf(newcomer);
  const mayLeave = (holder: Holder) => {
    const idleMs = holder.isBusy ? 0 : nowMs - holder.usedMs;
    if (idleMs > leastIdleMs) return true;
    if (holder.owner === newcomer.owner) return false;
    const isOver = bytesOf(holder) > share && mine <= share;
    return isOver || bytesOf(holder) - holder.bytes >= mine;
  };
  return [...holders].sort((a, b) => excessOf(b) - excessOf(a) || a.usedMs - b.usedMs).find(mayLeave);
}

/**
 * The model that is ended because all of them together take more than there is: of the owner who takes the most, an idle one, used the
 * longest ago; if all compute, the largest. @returns undefined where there is enough
 */
export function chooseEnded<T extends Holder>(holders: readonly T[], totalBytes: number): T | undefined {
  const used = usageOf(holders);
  let sum = 0;
  for (const bytes of used.values()) sum += bytes;
  if (sum <= totalBytes) return undefined;
  const [[owner] = ['']] = [...used].sort(([, a], [, b]) => b - a);
  const [first] = holders
    .filter((holder) => holder.owner === owner)
    .sort((a, b) => Number(a.isBusy) - Number(b.isBusy) || (a.isBusy ? b.bytes - a.bytes : a.usedMs - b.usedMs));
  return first;
}

function usageOf(holders: readonly Holder[]): Map<string, number> {
  const used = new Map<string, number>();
  for (const { owner, bytes } of holders) used.set(owner, (used.get(owner) ?? 0) + bytes);
  return used;
}
