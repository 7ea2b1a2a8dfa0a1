import Joi from 'joi';
import { nameOrNothing } from './path-names.ts';

/** Query of a list that is answered in pages. */
export interface PageQuery {
  /** Maximum number of items in the page. */
  readonly limit: number;
  /** Name of the last item of the page before; empty for the first page. */
  readonly after: string;
}

/** Joi schemas of a `PageQuery`. */
export const pageFields = {
  limit: Joi.number().integer().min(1).max(100).default(20),
  after: Joi.string().pattern(nameOrNothing).allow('').default(''),
};

/**
 * Cuts what was found to one page.
 * @param found one item more than `limit` where there is a next page
 * @returns the items, and the value of `after` for the next page: null if this page is the last
 */
export function pageOf<Item>(
  found: readonly Item[],
  limit: number,
  nameOf: (item: Item) => string,
): { items: Item[]; next: string | null } {
  return { items: found.slice(0, limit), next: found.length > limit ? nameOf(found[limit - 1]!) : null };
}
