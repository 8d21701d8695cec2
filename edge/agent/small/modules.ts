import * as loader from 'node:module';

const OWN: Readonly<Record<string, string>> = {
  typebox: './typebox',
  ajv: './ajv',
  'ajv-formats': './formats',
  pino: './pino',
};

/**
 * From now on this process loads our small modules where a large package is named: the shapes that server and device share are written with
 * packages that weigh more here than all of the agent. To be called before the rest of the program is loaded. A Node that cannot do it loads
 * the packages.
 */
export function useSmallModules(): void {
  // What runs from source is tested from source.
  const [extension, format] = import.meta.filename.endsWith('.ts') ? ['ts', 'module-typescript'] : ['js', 'module'];
  if (typeof loader.registerHooks !== 'function') return;
  loader.registerHooks({
    resolve(specifier, context, next) {
      const own = OWN[specifier];
      if (own === undefined) return next(specifier, context);
      return { url: new URL(`${own}.${extension}`, import.meta.url).href, format, shortCircuit: true };
    },
  });
}
