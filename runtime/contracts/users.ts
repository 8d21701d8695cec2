import { type Static, Type } from 'typebox';

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
