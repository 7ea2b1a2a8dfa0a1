import { execFileSync, spawnSync } from 'node:child_process';
import type { Received } from './collector.ts';

/** OpenTelemetry's own messages, generated from its schema; they reject unknown fields and wrong types. */
const script = `
import base64, json, sys
from google.protobuf.json_format import MessageToDict, ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
body = json.load(sys.stdin)
# OTLP has these in hex, protobuf's JSON everything in base64.
for spans in [scope["spans"] for resource in body.get("resourceSpans", []) for scope in resource["scopeSpans"]]:
    for span in spans:
        for name in ("traceId", "spanId", "parentSpanId"):
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
message = ExportMetricsServiceRequest() if sys.argv[1] == "/v1/metrics" else ExportTraceServiceRequest()
ParseDict(body, message)
print(json.dumps(MessageToDict(message)))
`;

/** Whether exports can be parsed with OpenTelemetry's own messages; warns if not. */
export function hasOtlpMessages(testName: string): boolean {
  if (spawnSync('python3', ['-c', 'import opentelemetry.proto']).status === 0) return true;
  console.warn(`SKIPPED: ${testName}: Python has no opentelemetry.proto (pip install opentelemetry-proto)`);
  return false;
}

/** Parses an export with OpenTelemetry's own messages. @throws if they reject it */
export function parseExport({ path, body }: Received): unknown {
  return JSON.parse(execFileSync('python3', ['-c', script, path], { input: body, encoding: 'utf8' }));
}
