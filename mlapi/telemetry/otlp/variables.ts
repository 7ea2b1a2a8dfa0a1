import { isBaseUrl } from '../../config/base-url.ts';
import { integer, refusing, text, variable, type VariableGroup } from '../../config/variable.ts';

export interface OtlpConfig {
  /** Base URL of an OpenTelemetry collector; undefined for none. */
  readonly otlpEndpoint: string | undefined;
  readonly otlpIntervalSeconds: number;
}

export const otlpVariables: VariableGroup<OtlpConfig> = {
  variables: [
    variable(
      'MLAPI_OTLP_ENDPOINT',
      text.custom(refusing(isBaseUrl)).messages({
        'any.invalid':
          '{{#label}} must be the base URL of a collector, http:// or https://, without user, password, query or fragment',
      }),
      '',
      'base URL of an OpenTelemetry collector (OTLP/HTTP), such as `http://127.0.0.1:4318`; unset: none',
    ),
    variable('MLAPI_OTLP_INTERVAL_SECONDS', integer(1, 3_600), '60', 'export interval of the metrics'),
  ],
  read: (values) => ({
    otlpEndpoint: values.optional('MLAPI_OTLP_ENDPOINT'),
    otlpIntervalSeconds: values.number('MLAPI_OTLP_INTERVAL_SECONDS'),
  }),
};
