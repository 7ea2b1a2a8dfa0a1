import type { ScanContext } from '../scan-context.ts';
import { quote, refuse } from '../scan-refusals.ts';
import type { MessageRule } from './message-rule.ts';

// Keys that the runtime acts on: session settings, and blobs compiled for one device.
const runtimeKeys = /^(?:ort_config$|ort[._]|session\.|ep[._])/i;

/** Rule for StringStringEntryProto: notes that nothing reads, but never settings of the runtime. */
export class MetadataRule implements MessageRule {
  constructor(context: ScanContext) {
    context.tally.metadataEntries.add();
  }

  text(field: string, value: string): void {
    if (field === 'key' && runtimeKeys.test(value))
      refuse('unsupported_model', `The metadata ${quote(value)} is a runtime setting; save the model without it.`);
  }
}
