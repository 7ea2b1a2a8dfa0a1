/** The tables of the model store, in addition to those of the core. */
declare module '../../persistence/schema.ts' {
  interface Tables {
    models: ModelRow;
    model_versions: ModelVersionRow;
    model_aliases: ModelAliasRow;
    model_traffic: ModelTrafficRow;
  }
}

/** A model name and its owner. It never passes to another owner. */
export interface ModelRow {
  name: string;
  /** Null for an operator. */
  owner_id: string | null;
  created_at: number;
}

export interface ModelVersionRow {
  id: string;
  model: string;
  version: string;
  /** Sequence number of the version within its model. */
  ordinal: number;
  owner_id: string | null;
  sha256: string;
  size_bytes: number;
  description: string;
  /** JSON: contract as found by the inspection. */
  contract: string;
  facts: string;
  created_at: number;
  retired_at: number | null;
}

export interface ModelAliasRow {
  model: string;
  alias: string;
  version: string;
  /** Canary and its share are both null or both set; so are shadow and its share. */
  canary_version: string | null;
  canary_share: number | null;
  shadow_version: string | null;
  shadow_share: number | null;
  revision: number;
  updated_at: number;
}

/** Counts of one version by one process in one period. */
export interface ModelTrafficRow {
  model: string;
  version: string;
  /** `primary`, `canary`, `shadow` or `inputs`. */
  kind: string;
  /** Start of the period, in epoch milliseconds. */
  at: number;
  /** The process that counted. */
  writer: string;
  /** JSON. */
  counts: string;
}
