/** What the child gets of the environment: flows can read it, so the key and whatever else lies there stays out. */
export function childEnvironment(env: NodeJS.ProcessEnv, settingNames: string[]): NodeJS.ProcessEnv {
  const plain = [
    'PATH',
    'HOME',
    'LANG',
    'LC_ALL',
    'TZ',
    'TMPDIR',
    'NODE_ENV',
    'LD_LIBRARY_PATH',
    'NODE_EXTRA_CA_CERTS',
  ];
  const own = settingNames.filter((name) => name !== 'DEVICE_KEY').flatMap((name) => [name, `${name}_FILE`]);
  return Object.fromEntries([...plain, ...own].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
