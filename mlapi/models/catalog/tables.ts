/** The tables of the model store, beside those of the core. */
declare module '../../persistence/schema.ts' {
  interface Tables {
    models: ModelRow;
    model_versions: ModelVersionRow;
    model_aliases: ModelAliasRow;
    model_traffic: ModelTrafficRow;
  }
}

/** A name, and whose it is; it is never given to anybody else. */
export interface ModelRow {
  name: string;
  /** Null for an operator's. */
  owner_id: string | null;
  created_at: number;
}

export interface ModelVersionRow {
  id: string;
  model: string;
  version: string;
  /** Counts the versions of a model as they came. */
  ordinal: number;
  owner_id: string | null;
  sha256: string;
  size_bytes: number;
  description: string;
  /** JSON: what was found when it was inspected. */
  contract: string;
  facts: string;
  created_at: number;
  retired_at: number | null;
}

export interface ModelAliasRow {
  model: string;
  alias: string;
  version: string;
  /** Null in both or in neither, and so for the shadow. */
  canary_version: string | null;
  canary_share: number | null;
  shadow_version: string | null;
  shadow_share: number | null;
  revision: number;
  updated_at: number;
}

/** Counts of one version, by one process, in one period. */
export interface ModelTrafficRow {
  model: string;
  version: string;
  /** `primary`, `canary`, `shadow`; or `inputs`. */
  kind: string;
  /** When the period began. */
  at: number;
  /** The process that counted. */
  writer: string;
  /** JSON */
  counts: string;
}
