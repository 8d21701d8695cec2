import { createRequire } from 'node:module';
import type { MqttConnection, MqttOptions } from './connection.ts';

/** The same over WebSockets, by the package: for brokers that are reached no other way. It costs 7 MB resident. */
export async function openPackagedMqtt(url: string, options: MqttOptions): Promise<MqttConnection> {
  const { client, connectMs, keepaliveS, onConnect, onEnd, onMessage, password, user, will } = options;
  const { connect } = await loadMqtt();
  const inner = connect(url, {
    protocolVersion: 4,
    clientId: client,
    username: user,
    password,
    clean: true,
    keepalive: keepaliveS,
    connectTimeout: connectMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    will: { ...will, payload: Buffer.from(will.payload), qos: 1, retain: true },
  });
  let reason = 'closed by the broker';
  let isOver = false;
  const over = () => {
    if (!isOver) onEnd(reason);
    isOver = true;
  };
  inner.on('error', (error) => {
    reason = error.message || String((error as NodeJS.ErrnoException).code ?? error.name);
  });
  inner.on('message', (topic, payload, packet) => onMessage(topic, payload, packet.retain));
  inner.on('connect', onConnect);
  inner.once('close', over);
  inner.once('end', over);
  return {
    async subscribe(filters) {
      const granted = await inner.subscribeAsync([...filters], { qos: 1 });
      return granted.map(({ qos }) => qos);
    },
    async publish(topic, payload, how) {
      await inner.publishAsync(topic, payload, how);
    },
    end: (now = false) => void inner.end(now),
  };
}

/**
 * Without the table of its packet writer: that holds a Buffer for each number below 65,536 from the first packet on, 9 MB resident, to spare a
 * few bytes a packet.
 */
async function loadMqtt(): Promise<typeof import('mqtt')> {
  const mqtt = await import('mqtt');
  const writer: unknown = createRequire(import.meta.resolve('mqtt'))('mqtt-packet');
  const { writeToStream } = writer as { writeToStream?: { cacheNumbers?: boolean } };
  if (writeToStream?.cacheNumbers !== undefined) writeToStream.cacheNumbers = false;
  return mqtt;
}
