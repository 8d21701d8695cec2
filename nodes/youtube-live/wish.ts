import { Type } from 'typebox';
import { type BroadcastWish, LATENCIES, PRIVACIES } from '../../runtime/contracts/published.ts';
import { inputs } from '../lib/inputs.ts';
import { MOMENT } from './config.ts';

const read = inputs(
  Type.Object({
    title: Type.Optional(Type.String({ maxLength: 100 })),
    description: Type.Optional(Type.String({ maxLength: 5000 })),
    privacy: Type.Enum([...PRIVACIES]),
    madeForKids: Type.Boolean(),
    latency: Type.Enum([...LATENCIES]),
    dvr: Type.Boolean(),
    scheduledAt: Type.Optional(Type.String({ pattern: MOMENT })),
    product: Type.Optional(Type.Integer({ minimum: 1 })),
  }),
);

/** What a message asks of the broadcast, and the form where it says nothing; throws `message.invalid`. */
export function readWish(msg: Readonly<Record<string, unknown>>, config: Readonly<Record<string, unknown>>) {
  const { title, description, madeForKids, scheduledAt, product, ...same } = read(msg, config);
  const wish: BroadcastWish = { ...same, made_for_kids: madeForKids };
  if (title) wish.title = title;
  if (description) wish.description = description;
  // As RFC 3339 wants it, whatever sign stands between date and time.
  if (scheduledAt) wish.scheduled_at = new Date(scheduledAt.replace(' ', 'T')).toISOString();
  if (product) wish.product_id = product;
  return wish;
}
