import { type TSchema, Type } from 'typebox';
import { CommandAnswer } from '../contracts/commands.ts';
import { FlowReportedMessage } from '../contracts/deployments.ts';
import { DeviceInfoMessage, DeviceStateMessage, HeartbeatMessage } from '../contracts/mqtt-messages.ts';
import { checkStorable } from '../lib/storable.ts';
import { parser } from '../lib/validate.ts';
import type { PublicationKind } from './rights.ts';

const envelope = { v: Type.Literal(1), ts: Type.Integer({ minimum: 0 }) };
const Anything = Type.Object({});
const Enveloped = Type.Object(envelope);
const Motion = Type.Object({ ...envelope, motion: Type.Boolean() });

const SCHEMAS: Record<PublicationKind, TSchema> = {
  state: DeviceStateMessage,
  info: DeviceInfoMessage,
  heartbeat: HeartbeatMessage,
  response: CommandAnswer,
  'flow-reported': FlowReportedMessage,
  event: Enveloped,
  'camera-state': Enveloped,
  'camera-motion': Motion,
  'camera-set': Anything,
};

const parsers = Object.fromEntries(Object.entries(SCHEMAS).map(([kind, schema]) => [kind, parser(schema)])) as Record<
  PublicationKind,
  (value: unknown) => unknown
>;

/** Of these the schema names every field; what a device adds goes no further, since handlers build records of them. */
const CLOSED: Partial<Record<PublicationKind, readonly string[]>> = {
  state: Object.keys(DeviceStateMessage.properties),
  info: Object.keys(DeviceInfoMessage.properties),
  heartbeat: Object.keys(HeartbeatMessage.properties),
  'flow-reported': Object.keys(FlowReportedMessage.properties),
};

/** The body of a message of that kind; throws in words what is wrong with it. */
export function parseBody(kind: PublicationKind, payload: Buffer | string): unknown {
  const body = parsers[kind](parseJson(payload.toString()));
  checkStorable(body, 'body');
  const known = CLOSED[kind];
  return known ? Object.fromEntries(Object.entries(body as object).filter(([name]) => known.includes(name))) : body;
}

/** Without the parser's own words: they hold a piece of the body, which is nothing for the log. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('it is not valid JSON', { cause });
  }
}
