import type { EventMessage } from '../contracts/events.ts';
import type { CameraMotionMessage } from '../contracts/mqtt-messages.ts';
import { deviceTopics } from '../contracts/topics.ts';
import type { Publisher } from './message-broker.ts';

/**
 * Puts what the outbox holds on MQTT: each event on the device's `evt/<type>`, and whether something moves before a camera as
 * retained `motion`, which is so while at least one interaction is open. A message that comes twice does no harm.
 */
export function eventSink(options: { broker: Publisher; site: string }): (message: EventMessage) => Promise<void> {
  const openByCamera = new Map<string, Set<string>>();
  return async (message) => {
    const { event, phase, ts } = message;
    const topics = deviceTopics(options.site, event.device);
    await options.broker.publish(topics.event(event.type), message);
    if (event.type !== 'interaction_detected') return;
    const open = openByCamera.get(event.camera) ?? new Set();
    openByCamera.set(event.camera, open);
    if (phase === 'start') open.add(event.id);
    else open.delete(event.id);
    const motion: CameraMotionMessage = { v: 1, ts, motion: open.size > 0 };
    await options.broker.publish(topics.cameraMotion(event.camera), motion, { retain: true });
  };
}
