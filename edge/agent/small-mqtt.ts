import { createRequire } from 'node:module';

/**
 * The MQTT client, loaded when it is needed, without the table of its packet writer: that holds a Buffer for each number below
 * 65,536 from the first packet on, 9 MB resident, to spare a few bytes a packet. An agent sends a handful a minute.
 */
export async function loadMqtt(): Promise<typeof import('mqtt')> {
  const mqtt = await import('mqtt');
  const writer: unknown = createRequire(import.meta.resolve('mqtt'))('mqtt-packet');
  const { writeToStream } = writer as { writeToStream?: { cacheNumbers?: boolean } };
  if (writeToStream?.cacheNumbers !== undefined) writeToStream.cacheNumbers = false;
  return mqtt;
}
