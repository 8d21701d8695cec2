import { type Static, Type } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { anything, nullable, time } from './schema.ts';

export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** A person as the rest of the program knows them after the door. */
export interface User {
  id: number;
  name: string;
  email: string | null;
  role: Role;
  /** null: all cameras */
  cameras: string[] | null;
  mayEditFlows: boolean;
  mustChangePassword: boolean;
  /** somebody else chose the password: nothing is answered before it is changed */
  passwordGiven?: boolean | undefined;
}

export const LoginBody = Type.Object(
  {
    email: Type.String({ minLength: 1, maxLength: 254, description: 'e-mail address or user name' }),
    password: Type.String({ minLength: 1, maxLength: 1024 }),
  },
  { title: 'LoginBody', additionalProperties: false },
);
export type LoginBody = Static<typeof LoginBody>;

export const PasswordBody = Type.Object(
  {
    current_password: Type.String({ minLength: 1, maxLength: 1024 }),
    new_password: Type.String({ minLength: 12, maxLength: 1024 }),
  },
  { title: 'PasswordBody', additionalProperties: false },
);
export type PasswordBody = Static<typeof PasswordBody>;

/** Names people log in with: letters of any script, digits, and what neither Basic nor a topic reads as its own. */
export const USER_NAME_PATTERN = '^[\\p{L}\\p{N}][\\p{L}\\p{N}._@-]{0,63}$';

const cameras = () =>
  nullable(Type.Array(Type.String({ pattern: ID_PATTERN }), { maxItems: 500 }), {
    description: 'ids of the cameras they may see; null: all',
  });
const email = () => nullable(Type.String({ format: 'email', maxLength: 254 }));
const password = () => Type.String({ minLength: 12, maxLength: 1024 });

/** `POST /api/v1/users`. */
export const UserCreate = Type.Object(
  {
    name: Type.String({ pattern: USER_NAME_PATTERN, examples: ['anna'] }),
    email: Type.Optional(email()),
    role: Type.Enum(ROLES),
    cameras: Type.Optional(cameras()),
    may_edit_flows: Type.Optional(Type.Boolean({ description: 'flows are code; an admin may always' })),
    long_token: Type.Optional(Type.Boolean({ description: 'tokens of 12 h, for clients that cannot refresh' })),
    password: Type.Optional(password()),
    must_change_password: Type.Optional(
      Type.Boolean({
        description: 'before anything else is answered; default: only where the password is made up or reset',
      }),
    ),
  },
  { title: 'UserCreate', additionalProperties: false },
);
export type UserCreate = Static<typeof UserCreate>;

/** `PATCH /api/v1/users/{id}`. */
export const UserPatch = Type.Object(
  {
    email: Type.Optional(email()),
    role: Type.Optional(Type.Enum(ROLES)),
    cameras: Type.Optional(cameras()),
    may_edit_flows: Type.Optional(Type.Boolean()),
    long_token: Type.Optional(Type.Boolean()),
    disabled: Type.Optional(Type.Boolean()),
    password: Type.Optional(
      Type.String({ minLength: 12, maxLength: 1024, description: 'a reset: their sessions end' }),
    ),
    must_change_password: Type.Optional(Type.Boolean({ description: 'with a password; default: yes' })),
  },
  { title: 'UserPatch', additionalProperties: false, minProperties: 1 },
);
export type UserPatch = Static<typeof UserPatch>;

/** `POST /api/v1/users/{id}/credentials`. */
export const AppPasswordCreate = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 100, description: 'what it is for', examples: ['Home Assistant'] }) },
  { title: 'AppPasswordCreate', additionalProperties: false },
);
export type AppPasswordCreate = Static<typeof AppPasswordCreate>;

const appPassword = {
  id: Type.Integer(),
  name: Type.String(),
  created_at: time(),
  last_used: nullable(time()),
};

/** An app password as it is listed: never itself. */
export const AppPasswordRecord = Type.Object(appPassword, { title: 'AppPasswordRecord' });
export type AppPasswordRecord = Static<typeof AppPasswordRecord>;

/** An app password just made: the only time it is shown. */
export const AppPasswordMade = Type.Object(
  { ...appPassword, password: Type.String({ examples: ['rap_1f2e3d4c_…'] }) },
  { title: 'AppPasswordMade' },
);
export type AppPasswordMade = Static<typeof AppPasswordMade>;

/** A line of the audit log: who did what to which thing. */
export const AuditRecord = Type.Object(
  {
    id: Type.Integer(),
    at: time(),
    actor: Type.String({ examples: ['user:anna'] }),
    action: Type.String({ examples: ['device.create'] }),
    object: Type.String({ examples: ['device/pantry'] }),
    ip: nullable(Type.String()),
    details: anything(),
  },
  { title: 'AuditRecord' },
);
export type AuditRecord = Static<typeof AuditRecord>;

/** What the audit log may be asked for; times are epoch ms. */
export interface AuditQuery {
  limit: number;
  /** id of the last line one has */
  before?: number;
  actor?: string;
  action?: string;
  object?: string;
  from?: number;
  to?: number;
}
