import { type Static, Type } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { nullable, time } from './schema.ts';

/** Letters and digits of a code: none that is taken for another one when it is read from a screen (0 O, 1 I L, 2 Z, 5 S, 8 B, U V). */
export const PAIRING_LETTERS = 'ACDEFGHJKMNPQRTWXY34679';
export const PAIRING_CODE_LENGTH = 6;
export const PAIRING_LIFETIME_MS = 10 * 60_000;

/** `POST /api/v1/pairing/register`: what a device says of itself before anybody knows it. */
export const PairingRegister = Type.Object(
  {
    public_key: Type.String({
      pattern: '^[A-Za-z0-9_-]{43}$',
      description: 'X25519 (RFC 7748), the 32 bytes in base64url: its key is sealed to it',
      examples: ['hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo'],
    }),
    model: Type.String({ minLength: 1, maxLength: 100, examples: ['Raspberry Pi 5'] }),
  },
  { title: 'PairingRegister' },
);
export type PairingRegister = Static<typeof PairingRegister>;

export const PairingCode = Type.Object(
  {
    code: Type.String({ description: 'to be shown on the device', examples: ['K7QM4X'] }),
    poll_token: Type.String({ description: 'for the device alone' }),
    expires_at: time(),
  },
  { title: 'PairingCode' },
);
export type PairingCode = Static<typeof PairingCode>;

/**
 * `GET /api/v1/pairing/poll`. `sealed` opens with the device's private key: ephemeral X25519 key (32 bytes), IV (12), tag (16), text; the
 * AES-256-GCM key is HKDF-SHA-256 over the shared secret, salt both public keys (ephemeral first), info `redeye pairing v1`. The text is
 * JSON `{device_id, api_key}`.
 */
export const PairingState = Type.Object(
  {
    state: Type.Enum(['waiting', 'claimed']),
    device_id: nullable(Type.String()),
    sealed: nullable(Type.String(), { description: 'base64url; handed over once' }),
  },
  { title: 'PairingState' },
);
export type PairingState = Static<typeof PairingState>;

/** `POST /api/v1/pairing/claim`. */
export const PairingClaim = Type.Object(
  {
    code: Type.String({ minLength: 1, maxLength: 20, description: 'as the device shows it', examples: ['K7QM4X'] }),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    device: Type.Optional(
      Type.String({
        pattern: ID_PATTERN,
        description: 'one that is registered already and lost its key: it gets a new one, all earlier ones end',
      }),
    ),
  },
  { title: 'PairingClaim', additionalProperties: false },
);
export type PairingClaim = Static<typeof PairingClaim>;

/** What the sealed text holds. */
export const PairingGift = Type.Object({ device_id: Type.String({ pattern: ID_PATTERN }), api_key: Type.String() });
export type PairingGift = Static<typeof PairingGift>;
