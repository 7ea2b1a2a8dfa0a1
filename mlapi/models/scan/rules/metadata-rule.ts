import type { ScanContext } from '../scan-context.ts';
import { quote, refuse } from '../scan-refusals.ts';
import type { MessageRule } from './message-rule.ts';

// Keys that the runtime itself acts on: settings of the session, and blobs compiled for one device.
const runtimeKeys = /^(?:ort_config$|ort[._]|session\.|ep[._])/i;

/** A StringStringEntryProto: people's notes, which nothing reads, and never orders to the runtime. */
export class MetadataRule implements MessageRule {
  constructor(context: ScanContext) {
    context.tally.metadataEntries.add();
  }

  text(field: string, value: string): void {
    if (field === 'key' && runtimeKeys.test(value))
      refuse(
        'unsupported_model',
        `The metadata ${quote(value)} is a setting of the runtime; save the model without it.`,
      );
  }
}
