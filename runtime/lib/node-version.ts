const OLDEST = [24, 7] as const;

/**
 * Stops with one clear sentence on a Node older than 24.7 (argon2 is built in from there on; Node-RED 5 needs 22.9). To be called
 * first at every entry point.
 */
export function guardNodeVersion(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  process.stderr.write(
    `Redeye needs Node ${OLDEST.join('.')} or newer and this is ${version}. ` +
      'Start it with "npm start" (which brings its own Node) or with node_modules/.bin/node.\n',
  );
  process.exit(1);
}
