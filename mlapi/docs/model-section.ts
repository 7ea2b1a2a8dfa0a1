import type { ModelInformation } from '../inference/serving/model-information.ts';
import type { Feature } from '../inference/contract/types.ts';
import { escapeHtml, table } from './html.ts';

const shownCategories = 12;

/** Documents the features of a model, in the order that list rows must have. */
export function modelSection({ name, version, description, features, classes }: ModelInformation): string {
  const rows = features.map((feature, index) => [
    String(index),
    `<code>${escapeHtml(feature.name)}</code><small>${escapeHtml(feature.description ?? '')}</small>`,
    `${feature.type}<small>${escapeHtml(allowed(feature))}</small>`,
  ]);
  const title = `<section><h2 id="model">Model ${escapeHtml(name)}</h2>
<p>Version ${escapeHtml(version)}. ${escapeHtml(description)}`;
  if (features.length === 0) return `${title}</p>\n<p>This model takes tensors, not rows.</p></section>`;
  const labels = classes.map((label) => `<code>${escapeHtml(String(label))}</code>`).join(', ');
  return `${title}${labels === '' ? '' : `<br>Predicts one of: ${labels}.`}</p>
<p>A row is a list of these ${features.length} values in this order, or an object with these names in any order.</p>
${table(['#', 'Feature', 'Value'], rows)}</section>`;
}

function allowed(feature: Feature): string {
  const absent = feature.missing === 'reject' ? '' : `; ${feature.missing} if missing`;
  return values(feature) + absent;
}

function values(feature: Feature): string {
  if (feature.type === 'boolean') return 'true, false, 0, 1';
  if (feature.type === 'category') {
    const names = feature.categories.map(({ category }) => category);
    const rest = names.length > shownCategories ? ` and ${names.length - shownCategories} more` : '';
    const unknown = feature.unknown === 'reject' ? '' : `; unknown ones count as ${feature.unknown}`;
    return names.slice(0, shownCategories).join(', ') + rest + unknown;
  }
  const { min, max, unit = '' } = feature;
  const bounds =
    min !== undefined && max !== undefined
      ? `${min} to ${max}`
      : min !== undefined
        ? `from ${min}`
        : max !== undefined
          ? `up to ${max}`
          : 'any';
  return `${bounds} ${unit}`.trim();
}
