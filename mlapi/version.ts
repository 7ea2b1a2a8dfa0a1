/** Version and name of the service, as in package.json; a test compares them. `npm run rename` changes the name. */
export const version = '1.0.0';
export const serviceName = 'mlapi';
