import type { IncomingMessage, ServerResponse } from 'node:http';

type Next = (error?: unknown) => void;
export type HttpHandler = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

/**
 * Makes Node-RED's Express 4 app a plain function that an Express 5 host can mount. Three traps, all met in practice:
 * - mounted as an app, the http-in node looks for the host's `_router`, which Express 5 lacks, and all flows stay down;
 * - Express 5 has `query` as a getter on its prototype, Express 4 swaps the prototype: an answer with an object then throws;
 * - on a fall-through the host's later handlers need their own prototypes back.
 * The app is looked up at each request: it exists only once the engine runs.
 */
export function mountable(app: () => HttpHandler | undefined): HttpHandler {
  return (request, response, next) => {
    const handler = app();
    if (!handler) {
      next();
      return;
    }
    const query = (request as { query?: unknown }).query;
    Object.defineProperty(request, 'query', { value: query, writable: true, configurable: true, enumerable: true });
    const before = { request: Object.getPrototypeOf(request), response: Object.getPrototypeOf(response) };
    handler(request, response, (error) => {
      Object.setPrototypeOf(request, before.request);
      Object.setPrototypeOf(response, before.response);
      next(error);
    });
  };
}

/** What an Express 4 app knows of its routes. */
interface RoutedApp {
  _router?: { stack: readonly { regexp: RegExp; route?: { methods: Record<string, boolean> } }[] };
}

/** The methods, in lower case, of the routes that take a path; Node-RED has its http-in nodes nowhere else. */
export function methodsAt(app: unknown, path: string): string[] {
  const layers = (app as RoutedApp | undefined)?._router?.stack ?? [];
  return layers.flatMap(({ regexp, route }) => (route && regexp.test(path) ? Object.keys(route.methods) : []));
}

/**
 * Refuses a token in the address (400): addresses end up in logs, histories and Referer headers. Node-RED's bearer strategy would
 * take one. To stand in front of the editor.
 */
export const refuseUrlTokens: HttpHandler = (request, response, next) => {
  const query = new URLSearchParams((request.url ?? '').split('?').slice(1).join('?'));
  const named = [...query.keys()].some((name) => name.replace(/\[.*$/, '') === 'access_token');
  if (!named) {
    next();
    return;
  }
  const body = {
    statusCode: 400,
    error: 'Bad Request',
    message: 'a token belongs into the Authorization header',
    code: 'request.invalid',
  };
  response.statusCode = 400;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  response.end(JSON.stringify(body));
};
