import joiToJson from 'joi-to-json';
import type Joi from 'joi';

// The types declare a default export, but at run time the module itself is the function.
const parseJoi = joiToJson as unknown as typeof joiToJson.default;

export interface JsonSchema {
  readonly properties?: Readonly<Record<string, object>>;
}

/** Converts a Joi schema to JSON Schema, using only constructs that code generators understand. */
export function toJsonSchema(schema: Joi.Schema): JsonSchema {
  return clean(parseJoi(schema, 'open-api-3.1')) as JsonSchema;
}

function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, unknown][] => {
    if (key === 'not') return withoutReferences(inner);
    // `const` becomes an enumeration of one value.
    if (key === 'const') return [...typeOf(inner), ['enum', [inner]]];
    return [[key, clean(inner)]];
  });
  return Object.fromEntries(entries);
}

/** Joi's references to other fields have no meaning in JSON Schema. */
function withoutReferences(not: unknown): [string, unknown][] {
  const values = (not as { enum?: readonly unknown[] }).enum;
  if (values === undefined) return [['not', clean(not)]];
  const plain = values.filter((value) => typeof value !== 'object' || value === null);
  return plain.length === 0 ? [] : [['not', { enum: plain }]];
}

function typeOf(value: unknown): [string, unknown][] {
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
    ? [['type', typeof value]]
    : [];
}
