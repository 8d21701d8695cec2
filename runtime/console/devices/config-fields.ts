import { DeviceConfig } from '../../contracts/device-config.ts';
import { words } from '../strings.ts';

export type FieldName = keyof DeviceConfig;

/** One number of the configuration, as the schema of the contract describes it. */
export interface ConfigField {
  name: FieldName;
  group: string;
  label: string;
  unit: string;
  minimum: number;
  maximum: number;
  whole: boolean;
  standard: number | undefined;
  optional: boolean;
  description: string;
}

interface Property {
  type?: string;
  minimum?: number;
  maximum?: number;
  default?: number;
  description?: string;
}

const say = words.devices.config;
const required = new Set<string>(DeviceConfig.required);

/** The form's fields, made from the contract's schema: a field added there appears here. */
export const configFields: ConfigField[] = Object.entries(DeviceConfig.properties as Record<string, Property>).map(
  ([key, property]) => {
    const name = key as FieldName;
    return {
      name,
      group: groupOf(name),
      label: say.labels[name] ?? name,
      unit: unitOf(name),
      minimum: property.minimum ?? Number.NEGATIVE_INFINITY,
      maximum: property.maximum ?? Number.POSITIVE_INFINITY,
      whole: property.type === 'integer',
      standard: property.default,
      optional: !required.has(name),
      description: property.description ?? '',
    };
  },
);

/** What is wrong with a text as the value of a field; undefined when nothing is. */
export function wrongWith(field: ConfigField, text: string): string | undefined {
  if (text.trim() === '') return field.optional ? undefined : say.required;
  const value = Number(text.replace(',', '.'));
  if (Number.isNaN(value)) return say.mustBeNumber;
  if (field.whole && !Number.isInteger(value)) return say.mustBeWhole;
  if (value < field.minimum || value > field.maximum) return say.mustBe(number(field.minimum), number(field.maximum));
  return undefined;
}

/** What a text stands for; undefined for an empty one. */
export function numberOf(text: string): number | undefined {
  return text.trim() === '' ? undefined : Number(text.replace(',', '.'));
}

/** A number as people read it. */
export function number(value: number): string {
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 }).format(value);
}

function groupOf(name: FieldName): string {
  if (name.startsWith('burst_')) return 'burst';
  if (name.startsWith('interaction_')) return 'detect';
  return name.endsWith('_s') ? 'rest' : 'picture';
}

function unitOf(name: FieldName): string {
  if (name.endsWith('_s')) return say.units.seconds;
  if (name.endsWith('_fps')) return say.units.fps;
  if (name.endsWith('_threshold')) return say.units.share;
  if (name.endsWith('_frames')) return say.units.frames;
  return name === 'jpeg_quality' ? say.units.percent : say.units.pixels;
}
