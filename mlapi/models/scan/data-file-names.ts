/** File names of external data: no paths, and safe on every file system. */
export const dataFileName = /^\w(?:[\w. -]{0,126}\w)?$/;
/** Maximum files of external data per model. */
export const maxDataFiles = 16;

/** Names of the other files of a version, in lower case, because some file systems are case-insensitive. */
const otherFiles = ['model.onnx', 'model.json', 'encoding.csv', 'sample.json'];

/** Whether external data may have this name: safe, and not the name of another file of the version. */
export function isDataFileName(name: string): boolean {
  return dataFileName.test(name) && !otherFiles.includes(name.toLowerCase());
}
