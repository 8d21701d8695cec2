import assert from 'node:assert/strict';

/**
 * What Home Assistant's MQTT integration demands of a device description: the published rules of its schemas (integrations/mqtt and
 * its platforms, 2025), as checks of our own. Throws for what it would refuse or only log.
 */

const PLATFORMS: Record<string, { needs: string[]; knows: string[]; classes?: string[] }> = {
  binary_sensor: {
    needs: ['state_topic'],
    knows: ['value_template', 'expire_after'],
    classes: ['motion', 'connectivity', 'problem'],
  },
  sensor: {
    needs: ['state_topic'],
    knows: ['value_template', 'expire_after', 'unit_of_measurement', 'state_class'],
    classes: ['temperature', 'data_size', 'signal_strength'],
  },
  event: {
    needs: ['state_topic', 'event_types'],
    knows: ['value_template'],
    classes: ['motion', 'button', 'doorbell'],
  },
  image: { needs: ['image_topic'], knows: ['content_type'] },
};
const UNITS: Record<string, string[]> = {
  temperature: ['°C', '°F', 'K'],
  data_size: ['bit', 'B', 'kB', 'MB', 'GB'],
  signal_strength: ['dB', 'dBm'],
};
const EVERYWHERE = ['p', 'unique_id', 'name', 'device_class', 'entity_category', 'availability', 'availability_mode'];
/** abbreviations of the device and origin maps, and their long names */
const OF_DEVICE = ['ids', 'name', 'mf', 'mdl', 'sw', 'cu', 'via_device'];
const TOPIC = /^homeassistant\/device\/([a-zA-Z0-9_-]+)\/config$/;

type Json = Record<string, unknown>;

/** Throws what is wrong with it; answers the id in its topic. */
export function checkDescription(topic: string, description: Json): string {
  const id = TOPIC.exec(topic)?.[1];
  assert.ok(id, `${topic}: not a topic that is listened to`);
  const { dev, o, cmps, availability, availability_mode, qos, ...rest } = description;
  assert.deepEqual(rest, {}, 'unknown keys of the root');
  assert.deepEqual(
    Object.keys(dev as Json).filter((key) => !OF_DEVICE.includes(key)),
    [],
  );
  assert.ok(((dev as Json).ids as string[]).length > 0, 'a device needs an identifier');
  for (const url of [(dev as Json).cu, (o as Json).url]) assert.match(String(url), /^https?:\/\/[^/]+/);
  assert.ok(String((o as Json).name).length > 0, 'an origin needs a name');
  assert.ok([0, 1, 2].includes(qos as number) && availability_mode === 'all');
  checkAvailability(availability);
  assert.ok(Object.keys(cmps as Json).length > 0);
  for (const component of Object.values(cmps as Record<string, Json>)) checkComponent(component);
  return id;
}

function checkAvailability(list: unknown): void {
  for (const { topic, value_template, ...rest } of list as Json[]) {
    assert.deepEqual(rest, {});
    checkTopic(topic);
    assert.match(String(value_template), /^\{\{ 'online' if .* else 'offline' \}\}$/, 'the words that are waited for');
  }
}

function checkComponent(component: Json): void {
  const rules = PLATFORMS[String(component.p)];
  assert.ok(rules, `platform ${component.p}`);
  for (const key of rules.needs) assert.notEqual(component[key], undefined, `${component.p} without ${key}`);
  const known = [...EVERYWHERE, ...rules.needs, ...rules.knows];
  assert.deepEqual(
    Object.keys(component).filter((key) => !known.includes(key)),
    [],
  );
  assert.ok(String(component.unique_id).length > 0, 'what belongs to a device needs a unique_id');
  const of = component.device_class as string | undefined;
  if (of !== undefined) assert.ok(rules.classes?.includes(of), `${component.p} of the class ${of}`);
  const unit = component.unit_of_measurement as string | undefined;
  if (of !== undefined && unit !== undefined) assert.ok(UNITS[of]?.includes(unit), `${of} in ${unit}`);
  if (component.entity_category !== undefined) assert.equal(component.entity_category, 'diagnostic');
  if (component.availability !== undefined) checkAvailability(component.availability);
  for (const key of ['state_topic', 'image_topic']) if (component[key] !== undefined) checkTopic(component[key]);
}

function checkTopic(topic: unknown): void {
  assert.match(String(topic), /^[^+#\0]{1,65535}$/);
}
