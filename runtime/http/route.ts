import type { NextFunction, Request, Response, Router } from 'express';
import { json } from 'express';
import type { TObject, TSchema } from 'typebox';
import { AppError, type ErrorCode } from '../contracts/errors.ts';
import type { Actor } from '../contracts/services.ts';
import type { Role, User } from '../contracts/users.ts';
import { checkStorable } from '../lib/storable.ts';
import { parser } from '../lib/validate.ts';
import type { Authenticate } from './authenticate.ts';
import { hasBody } from './ingest/read-body.ts';

const BODY_LIMIT = '64kb';
const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** What a handler gets: everything parsed, the asker known. */
export interface Context {
  req: Request;
  res: Response;
  params: Record<string, string>;
  query: Record<string, unknown>;
  body: unknown;
  user: User;
  actor: Actor;
}

/** An answer other than `200 JSON`. */
export class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Record<string, string>;

  constructor(status: number, body: unknown = undefined, headers: Record<string, string> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** One route: handler, checks and documentation in one place. `open` needs no credential. */
export interface RouteSpec {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Express path below /api/v1, as `/devices/:id` */
  path: string;
  access: Role | 'open';
  tag: string;
  summary: string;
  /** what a program calls it, where the name made of method and path is another route's */
  operation?: string;
  query?: TObject;
  body?: TSchema;
  /** status of the good answer, for the documentation */
  status?: number;
  /** content type of the good answer where it is not JSON */
  produces?: string;
  /** shape of the good answer, for the documentation and the client; none where there is no body */
  answer?: TSchema;
  /** codes it may refuse with beside those that follow from its checks */
  errors?: readonly ErrorCode[];
  /** it creates something: `Idempotency-Key` makes a repetition get the first answer */
  idempotent?: true;
  /** answers also to somebody who has to change their password first */
  despitePasswordChange?: true;
  /** the session of the flow editor counts here too */
  byEditor?: true;
  handle(context: Context): unknown;
}

/** Puts routes on a router: credential, role, query and body are checked in that order before the handler runs. */
export function mountRoutes(router: Router, routes: readonly RouteSpec[], authenticate: Authenticate): void {
  const readJson = json({ limit: BODY_LIMIT, strict: true });
  for (const route of routes) {
    const parseQuery = route.query && parser(route.query);
    const parseBody = route.body && parser(route.body);
    router[route.method](route.path, async (req: Request, res: Response, next: NextFunction) => {
      try {
        const user = route.access === 'open' ? NOBODY : await authenticate(req, route);
        if (route.access !== 'open' && RANK[user.role] < RANK[route.access]) {
          throw new AppError('auth.forbidden', `this needs the role ${route.access}; yours is ${user.role}`);
        }
        checkStorable(req.params, 'address');
        checkStorable(req.query, 'query');
        if (parseBody) {
          checkType(req);
          await new Promise<void>((resolve, reject) =>
            readJson(req, res, (error) => (error ? reject(error) : resolve())),
          );
          checkStorable(req.body, 'body');
        }
        const context: Context = {
          req,
          res,
          params: req.params as Record<string, string>,
          query: parseQuery ? (parseQuery(numbers(req.query, route.query)) as Record<string, unknown>) : {},
          body: parseBody ? parseBody(req.body ?? {}) : undefined,
          user,
          actor: { name: `user:${user.name}`, ip: req.ip ?? '' },
        };
        const answer = await route.handle(context);
        if (!res.headersSent) send(res, answer);
      } catch (error) {
        next(error);
      }
    });
  }
}

/** A body that is not said to be JSON would go unread, and a request without its fields may mean something else than with them. */
function checkType(req: Request): void {
  if (hasBody(req) && !req.is('json'))
    throw new AppError('request.unsupported_type', 'the body must be JSON, with Content-Type: application/json', {
      field: 'Content-Type',
    });
}

const NOBODY: User = {
  id: 0,
  name: 'nobody',
  email: null,
  role: 'viewer',
  cameras: [],
  mayEditFlows: false,
  mustChangePassword: false,
};

function send(res: Response, answer: unknown): void {
  if (!(answer instanceof Answer)) {
    res.json(answer);
    return;
  }
  res.status(answer.status).set(answer.headers);
  if (Buffer.isBuffer(answer.body)) res.end(answer.body);
  else if (answer.body === undefined) res.end();
  else res.json(answer.body);
}

/** Query values are text; what the schema calls a number or boolean becomes one before it is checked. */
function numbers(query: Record<string, unknown>, schema: TObject | undefined): Record<string, unknown> {
  // Without a prototype: a query may name any field, `__proto__` too.
  const converted: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(query)) {
    const type = (schema?.properties[name] as { type?: string } | undefined)?.type;
    if (typeof value !== 'string') converted[name] = value;
    else if ((type === 'integer' || type === 'number') && value.trim() !== '') converted[name] = Number(value);
    else if (type === 'boolean' && (value === 'true' || value === 'false')) converted[name] = value === 'true';
    else converted[name] = value;
  }
  return converted;
}
