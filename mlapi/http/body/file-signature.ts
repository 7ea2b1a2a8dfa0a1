/** Number of bytes needed to recognise a file. */
export const signatureBytes = 16;

const kinds: readonly (readonly [offset: number, bytes: string, kind: string])[] = [
  [0, 'PK\x03\x04', 'a zip archive'],
  [0, 'PK\x05\x06', 'a zip archive'],
  [0, '\x1f\x8b', 'compressed with gzip'],
  [0, '\x28\xb5\x2f\xfd', 'compressed with zstd'],
  [0, 'BZh', 'compressed with bzip2'],
  [0, '\xfd7zXZ', 'compressed with xz'],
  [0, '7z\xbc\xaf', 'a 7z archive'],
  [0, '\x80\x02', 'a Python pickle'],
  [0, '\x80\x03', 'a Python pickle'],
  [0, '\x80\x04', 'a Python pickle'],
  [0, '\x80\x05', 'a Python pickle'],
  [0, '\x7fELF', 'a program or library'],
  [0, 'MZ', 'a program or library'],
  [0, '\xcf\xfa\xed\xfe', 'a program or library'],
  [0, '%PDF', 'a PDF document'],
  [0, '\x93NUMPY', 'a NumPy array'],
  [0, '\x89HDF', 'an HDF5 file (Keras?)'],
  [0, '\x89PNG', 'an image'],
  [0, '\xff\xd8\xff', 'an image'],
  [4, 'ORTM', 'in the ORT format'],
  [4, 'TFL3', 'a TensorFlow Lite model'],
  [0, 'GGUF', 'a GGUF model'],
];

/** Advice for the formats most often sent instead of ONNX. */
const remedies: Readonly<Record<string, string>> = {
  'a Python pickle': 'Export the model to ONNX, for example with skl2onnx.',
  'a zip archive': 'Send the ONNX file itself. Export a PyTorch model with torch.onnx.export.',
  'an HDF5 file (Keras?)': 'Export the model to ONNX, for example with tf2onnx.',
  'a TensorFlow Lite model': 'Export the model to ONNX, for example with tf2onnx.',
};

/**
 * Says what a file is, and what to do, if its first bytes show that it is not an ONNX model.
 * @param head the first `signatureBytes` bytes, or all of a shorter file
 */
export function explainForeignFile(head: Buffer): string | undefined {
  if (head.length === 0) return 'The file is empty.';
  const kind = recognise(head);
  if (kind === undefined) return undefined;
  const remedy = remedies[kind];
  return `The file is ${kind}, not an ONNX model.${remedy === undefined ? '' : ` ${remedy}`}`;
}

/** Returns the format of a file by its first bytes, if it is a known one other than ONNX. */
function recognise(head: Buffer): string | undefined {
  const text = head.toString('latin1');
  const known = kinds.find(([offset, bytes]) => text.startsWith(bytes, offset));
  if (known !== undefined) return known[2];
  if (/^\s*<(?:!|html|\?xml)/i.test(text)) return 'an HTML or XML page';
  if (/^\s*[{[]/.test(text)) return 'JSON';
  // An ONNX file has binary lengths and numbers among its first bytes; text has none.
  if (/^[\t\r\n\x20-\x7e]+$/.test(text)) return 'text';
  return undefined;
}
