import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import express, { type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { otherMethods } from './other-methods.ts';

const FILES = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Redeye API</title>
    <link rel="stylesheet" href="swagger-ui.css">
    <link rel="icon" href="favicon-32x32.png">
  </head>
  <body>
    <main id="api"></main>
    <script src="swagger-ui-bundle.js"></script>
    <script src="start.js"></script>
  </body>
</html>
`;
/** Trying a request uses the console's session where there is one: it says that it comes from our own page. */
const START = `const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
SwaggerUIBundle({
  url: '../openapi.json',
  dom_id: '#api',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers['X-Redeye-Console'] = '1';
    return request;
  },
});
`;

const CONTENT_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  // Its styles come in part from its script.
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/** The API's document as a page, to be mounted at /api/docs: Swagger UI from its package, nothing from elsewhere. */
export function apiDocs(basePath: string): RequestHandler {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const router = Router();
  router.use(helmet({ contentSecurityPolicy: { useDefaults: false, directives: CONTENT_POLICY }, hsts: false }));
  router.get('/', (req, res) => {
    // Its parts are named by relative addresses.
    if (!req.originalUrl.split('?', 1)[0]?.endsWith('/')) res.redirect(301, `${basePath}/api/docs/`);
    else res.set('Cache-Control', 'no-cache').type('html').send(PAGE);
  });
  router.get('/start.js', (_req, res) => {
    res.set('Cache-Control', 'no-cache').type('js').send(START);
  });
  router.use(
    express.static(folder, {
      index: false,
      redirect: false,
      setHeaders: (res) => res.setHeader('Cache-Control', 'public, max-age=86400'),
    }),
  );
  router.use(otherMethods(['', 'start.js', ...FILES].map((name) => ({ method: 'get', path: `/${name}` }))));
  return onlyFiles(router);
}

/** The package holds more than the page needs. */
function onlyFiles(router: Router): RequestHandler {
  return (req, res, next) => {
    const name = req.path.slice(1);
    if (name === '' || name === 'start.js' || FILES.includes(name)) router(req, res, next);
    else next();
  };
}
