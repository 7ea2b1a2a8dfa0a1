/** Names of external data, as the model writes them and as they lie beside it: no path, and safe on every file system. */
export const dataFileName = /^\w(?:[\w. -]{0,126}\w)?$/;
/** Files of external data that one model may have. */
export const maxDataFiles = 16;

/** The other files of a version, in lower case: some file systems take them for the same. */
const otherFiles = ['model.onnx', 'model.json', 'encoding.csv', 'sample.json'];

/** Whether external data may have this name: safe, and no name of another file of the version. */
export function isDataFileName(name: string): boolean {
  return dataFileName.test(name) && !otherFiles.includes(name.toLowerCase());
}
